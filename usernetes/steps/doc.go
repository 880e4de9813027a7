// Package steps is the record of how far a node was made, and by what settings.
package steps
