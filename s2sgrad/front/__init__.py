"""From the user's Python function to the intermediate representation."""
