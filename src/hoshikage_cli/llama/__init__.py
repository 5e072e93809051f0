"""Everything that touches libllama. Nothing above this package sees a C object.

Import its modules: `--version` wants the library without numpy, which the others load.
"""
