// Command coredns is the real CoreDNS with only the plugins that a cluster's
// DNS needs: the full set brings the client libraries of three clouds along.
// It never adds a plugin of its own.
package main

import (
	_ "github.com/coredns/coredns/core"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/log"
	_ "github.com/coredns/coredns/plugin/ready"
)

func main() {
	// The order in which plugins see a request; CoreDNS generates this list at build time.
	dnsserver.Directives = []string{"bind", "health", "ready", "log", "errors", "cache", "kubernetes"}
	coremain.Run()
}
