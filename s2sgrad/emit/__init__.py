"""From IR to text, and from text to a function that runs."""
