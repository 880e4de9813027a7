// Command proxy is the only way out of a closed test site. It asks for a name
// and a password, writes a line for every request that reaches it, and plays
// one registry, whose name nobody else knows. It passes nothing on.
package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path"
	"strconv"
	"strings"
)

// Media types of the registry. Source: the Docker image manifest
// specification, version 2, schema 2.
const (
	manifestType = "application/vnd.docker.distribution.manifest.v2+json"
	configType   = "application/vnd.docker.container.image.v1+json"
	layerType    = "application/vnd.docker.image.rootfs.diff.tar"
)

func main() {
	listen := flag.String("listen", "", "address and port")
	archive := flag.String("archive", "", "docker archive of the registry's image")
	registry := flag.String("registry", "", "name of the registry that only this proxy knows")
	user := flag.String("user", "", "NAME:PASSWORD that every request has to have")
	flag.Parse()
	image, err := readImage(*archive)
	if err != nil {
		log.Fatal(err)
	}
	s := server{image, *registry, *user, log.New(os.Stdout, "", 0)}
	log.Fatal(http.ListenAndServe(*listen, s))
}

type server struct {
	image    image
	registry string
	user     string
	log      *log.Logger
}

// ServeHTTP answers for the registry and refuses all else.
func (s server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.log.Printf("%s %s", r.Method, r.URL.Host+r.URL.Path)
	asked := &http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}
	if name, password, _ := asked.BasicAuth(); s.user != name+":"+password {
		w.Header().Set("Proxy-Authenticate", "Basic")
		http.Error(w, "who asks?", http.StatusProxyAuthRequired)
		return
	}
	if r.Method == http.MethodConnect || r.URL.Host != s.registry {
		http.Error(w, "nothing is passed on", http.StatusBadGateway)
		return
	}
	s.image.serve(w, r)
}

// An image is what a registry has of one: the manifest and its blobs.
type image struct {
	manifest []byte
	blobs    map[string][]byte // by digest
}

func (i image) serve(w http.ResponseWriter, r *http.Request) {
	dir, last := path.Split(r.URL.Path)
	switch {
	case r.URL.Path == "/v2/":
		_, _ = io.WriteString(w, "{}") // a client that is gone needs none
	case strings.HasSuffix(dir, "/manifests/"):
		send(w, manifestType, i.manifest)
	case i.blobs[last] != nil:
		send(w, "application/octet-stream", i.blobs[last])
	default:
		http.NotFound(w, r)
	}
}

func send(w http.ResponseWriter, kind string, data []byte) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	w.Header().Set("Docker-Content-Digest", digest(data))
	_, _ = w.Write(data) // a client that is gone needs none
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// readImage makes a registry's image of a docker archive of one layer.
func readImage(name string) (image, error) {
	file, err := os.Open(name)
	if err != nil {
		return image{}, err
	}
	defer file.Close() //nolint:errcheck // opened for reading
	files := map[string][]byte{}
	for archive := tar.NewReader(file); ; {
		entry, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return image{}, fmt.Errorf("reading %q: %w", name, err)
		}
		if files[entry.Name], err = io.ReadAll(archive); err != nil {
			return image{}, fmt.Errorf("reading %q: %w", name, err)
		}
	}
	config, layer := files["config.json"], files["layer.tar"]
	if config == nil || layer == nil {
		return image{}, fmt.Errorf("reading %q: it is no archive of the tests", name)
	}
	blob := func(kind string, data []byte) map[string]any {
		return map[string]any{"mediaType": kind, "size": len(data), "digest": digest(data)}
	}
	manifest, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": manifestType, "config": blob(configType, config), "layers": []any{blob(layerType, layer)},
	})
	return image{bytes.TrimSpace(manifest), map[string][]byte{digest(config): config, digest(layer): layer}}, err
}
