// Package status looks at a node, its services, ports and surroundings, and says
// how it is.
package status
