package main

import (
	"time"

	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/status"
)

// apiVersion is the version of the answers' form: fields are added to it, and
// none changes its meaning.
const apiVersion = "podsec-k8s/v1"

// A typed is what every answer begins with.
type typed struct {
	Kind       string `json:"kind"`
	APIVersion string `json:"apiVersion"`
}

// A statusAnswer is the answer of podsec-k8s status, in English as all answers for
// programs are.
type statusAnswer struct {
	typed
	State        string          `json:"state"`
	Name         string          `json:"name,omitempty"`
	Address      string          `json:"address,omitempty"`
	Kubernetes   string          `json:"kubernetes,omitempty"`
	Network      string          `json:"network,omitempty"`
	ControlPlane bool            `json:"controlPlane"`
	Units        []unitAnswer    `json:"units"`
	Ports        []portAnswer    `json:"ports"`
	Faults       []problemAnswer `json:"faults"`
	Warnings     []problemAnswer `json:"warnings"`
}

type unitAnswer struct {
	Unit  string    `json:"unit"`
	State string    `json:"state"`
	Fault string    `json:"fault,omitempty"`
	Error string    `json:"error,omitempty"`
	Since time.Time `json:"since,omitzero"`
}

type portAnswer struct {
	Port  string `json:"port"`
	For   string `json:"for"`
	Fault string `json:"fault,omitempty"`
	Note  string `json:"note,omitempty"`
}

type problemAnswer struct {
	Fault  string `json:"fault"`
	Remedy string `json:"remedy,omitempty"`
}

func answerOf(o status.Status) statusAnswer {
	a := statusAnswer{
		typed: typed{"NodeStatus", apiVersion}, State: o.State, Name: o.Name, Address: o.Address, Kubernetes: o.Kubernetes,
		Network: o.Network, ControlPlane: o.Master, Units: []unitAnswer{}, Ports: []portAnswer{},
		Faults: problemAnswers(o.Faults), Warnings: problemAnswers(o.Warnings),
	}
	for _, u := range o.Units {
		a.Units = append(a.Units, unitAnswer{u.Unit, string(u.State), u.Fault.String(), u.Error, u.Since})
	}
	for _, p := range o.Ports {
		a.Ports = append(a.Ports, portAnswer{p.Port, p.For.String(), p.Fault.String(), p.Note.String()})
	}
	return a
}

func problemAnswers(all []node.Problem) []problemAnswer {
	answers := make([]problemAnswer, len(all))
	for i, p := range all {
		answers[i] = problemAnswer{p.Fault.String(), p.Remedy.String()}
	}
	return answers
}
