// Package message is what the program says to people: formats with their
// arguments, which are put together in a person's language as late as they are
// printed. It knows nothing of the program.
package message
