// Package services has the table of a node's services: their units, what each
// runs, and how each is asked for its health.
package services
