// Package images knows which images a node needs, where they may come from, and
// whether the site's policy lets them in.
package images
