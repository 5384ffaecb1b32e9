"""The only place where configs become objects, each once: see :mod:`hil_app.build.assembly`."""
