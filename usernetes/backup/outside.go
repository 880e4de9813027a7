package backup

import (
	"slices"

	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
)

// outside lists the files of the machine that the configuration in a backup names: keys
// that encrypt secrets, kubeadm's patches, settings of webhooks. They are the site's,
// and root's: what a backup has of u7s-admin's must not become a file of root's, so
// they are only named. What is written at run time is left out.
func outside(configuration []byte) (paths []string) {
	docs, _ := document.Parse(configuration) // our own
	config := kubeadm.Config{}
	for _, doc := range docs {
		kind, _ := doc["kind"].(string)
		config[kind] = doc
	}
	for _, f := range staticpod.Files(config) {
		read := f.Use == staticpod.UseFile || f.Use == staticpod.UseFolder || f.Use == staticpod.UseVolume
		if read && outsideForm.MatchString(f.Path) {
			paths = append(paths, f.Path)
		}
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	return paths[:min(len(paths), maxOutside)]
}
