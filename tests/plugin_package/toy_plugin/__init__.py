"""One of each that a configuration of hil-app can name, brought by a package that is not ours."""
