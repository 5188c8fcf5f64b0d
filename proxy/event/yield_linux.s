// An assembly file lets yield_linux.go declare a function without a body.
