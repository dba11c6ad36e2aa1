"""Where vectors are searched: one module a library."""
