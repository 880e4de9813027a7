package usernetes

import (
	"context"
	"errors"
	"reflect"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/services"
	"github.com/alt-cloud/podsec-k8s/usernetes/status"
)

// A configured is a service of this node that has its configuration in a file, which
// is one document.
type configured struct {
	name string // of the program
	unit string
	file node.Replaceable
}

func configuredKubelet() configured {
	return configured{"kubelet", units.Kubelet, node.ReplaceableFile("kubelet", node.StatePath(services.KubeletConfig))}
}

func configuredProxy() configured {
	return configured{"kube-proxy", units.KubeProxy, node.ReplaceableFile("kube-proxy", node.ProxyFile)}
}

// allConfigured lists them.
func allConfigured() []configured { return []configured{configuredKubelet(), configuredProxy()} }

// A documented is such a service, and how it is to be configured.
type documented struct {
	of  configured
	doc document.Document
}

// read reads the configuration that the service has here.
func (c configured) read() (document.Document, error) {
	data, err := host.ReadFile(c.file.Path)
	if err != nil {
		return nil, message.Errorf("reading the configuration of %s: %w", c.name, err)
	}
	doc, err := oneDocument(data)
	if err != nil {
		return nil, message.Errorf("reading the configuration of %s: %w", c.name, err)
	}
	return doc, nil
}

func oneDocument(data []byte) (document.Document, error) {
	docs, err := document.Parse(data)
	if err == nil && len(docs) != 1 {
		err = message.New("it is not one document")
	}
	if err != nil {
		return nil, err
	}
	return docs[0], nil
}

// replaceConfigs runs services by other configurations, one after the other, and does
// then what has to be so with them. Where one does not come up, or that fails, all have
// those before again.
func (w *Work) replaceConfigs(ctx context.Context, all []documented, settle func(context.Context) error) error {
	if len(all) == 0 {
		return settle(ctx)
	}
	return w.replaceConfig(ctx, all[0].of, all[0].doc, func(ctx context.Context) error {
		return w.replaceConfigs(ctx, all[1:], settle)
	})
}

// replaceConfig is replaceConfigs of one.
func (w *Work) replaceConfig(ctx context.Context, c configured, doc document.Document, settle func(context.Context) error) error {
	own, err := c.read()
	if err != nil {
		return err
	}
	if reflect.DeepEqual(own, doc) {
		return settle(ctx)
	}
	data, err := document.Format([]document.Document{doc})
	if err == nil {
		err = c.file.Replace(data)
	}
	if err != nil {
		return message.Errorf("replacing the configuration of %s: %w", c.name, err)
	}
	if err = w.restartConfigured(ctx, c); err != nil {
		err = message.Errorf("%s does not run with the new settings; it has the previous ones again: %w", c.name, err)
	} else {
		err = settle(ctx)
	}
	if err == nil {
		return c.file.Settle()
	}
	return errors.Join(err, w.restoreConfig(ctx, c))
}

// restoreConfig gives a service the configuration that was replaced and not settled.
func (w *Work) restoreConfig(ctx context.Context, c configured) error {
	was, err := c.file.Restore()
	if err != nil {
		return message.Errorf("restoring the configuration of %s: %w", c.name, err)
	}
	if !was || ctx.Err() != nil {
		return nil // a run that is cut leaves the copy: the next one restarts the service
	}
	if err := w.restartConfigured(ctx, c); err != nil {
		return err
	}
	return c.file.Settle()
}

// restartConfigured restarts it, and waits until it answers. Pods keep running.
func (w *Work) restartConfigured(ctx context.Context, c configured) error {
	return status.UntilCrash(ctx, w.Manager, func(ctx context.Context) error {
		return awaitPart(ctx, w, c.unit, w.Manager.Restart)
	})
}
