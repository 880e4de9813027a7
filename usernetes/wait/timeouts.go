package wait

import "time"

// LookTimeout bounds what is asked of the cluster and of other nodes.
const LookTimeout = 5 * time.Second

const ProbeTimeout = 5 * time.Second
