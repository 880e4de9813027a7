// Package portdriver opens ports of the machine into the namespaces: by
// RootlessKit's port driver, or by the service of the mode veth.
package portdriver
