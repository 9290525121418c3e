"""The intermediate representation: values, equations, regions."""
