package usernetes

import "time"

// lookTime bounds what is asked of the cluster and of other nodes.
const lookTime = 5 * time.Second

const probeTimeout = 5 * time.Second
