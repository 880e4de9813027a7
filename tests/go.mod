module github.com/alt-cloud/podsec-k8s/tests

go 1.26.4

require (
	github.com/alt-cloud/podsec-k8s v0.0.0
	github.com/google/go-containerregistry v0.22.1
	github.com/leonelquinteros/gotext v1.7.1
	go.yaml.in/yaml/v3 v3.0.6
	golang.org/x/sync v0.25.0
	golang.org/x/sys v0.50.0
	golang.org/x/tools v0.52.0
)

require (
	github.com/cavaliergopher/rpm v1.3.0 // indirect
	github.com/klauspost/compress v1.20.4 // indirect
	github.com/ulikunitz/xz v0.5.17 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/mod v0.42.0 // indirect
)

replace github.com/alt-cloud/podsec-k8s => ..
