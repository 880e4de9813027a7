// Package wait repeats a check until it holds.
package wait
