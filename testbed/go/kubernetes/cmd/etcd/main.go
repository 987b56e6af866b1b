// Command etcd is the real etcd server, at the version that this Kubernetes is
// tested with. It never adds a flag of its own.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	etcdmain.Main(os.Args)
}
