// Package node is a node as data: its name, network, paths, ports and settings,
// and what the site has set for it. Each network mode is a value here.
package node
