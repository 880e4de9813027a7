package wait

import "time"

// LookTimeout bounds what is asked of the cluster and of other nodes.
const LookTimeout = 5 * time.Second

// ProbeTimeout is how long a part of the node may take for its answer.
const ProbeTimeout = 5 * time.Second
