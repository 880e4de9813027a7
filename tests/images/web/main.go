// Command web is the test's user program: a server that says who answered
// whom, over TCP 8080 (HTTP) and UDP 8081, the clients for it, and what reads
// and writes files.
package main

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
)

const timeout = 5 * time.Second

func main() {
	if err := run(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(args []string) error {
	if len(args) < 2 {
		return serve()
	}
	switch args[0] {
	case "listen":
		return listen(args[1:])
	case "get":
		return get(args[1])
	case "udp":
		return udp(args[1], []byte("hello"), 1)
	case "udp10MB":
		return udp(args[1], bytes.Repeat([]byte{'x'}, 1000), 10_000)
	case "rtt":
		return rtt(args[1])
	case "dns":
		found, err := net.LookupHost(args[1])
		fmt.Println(found)
		return err
	case "read", "add", "fill", "list", "fs":
		return files(args[0], args[1], args[2:])
	}
	return fmt.Errorf("verbs: listen tcp:ADDRESS udp:ADDRESS ..., get URL, rtt URL, udp ADDRESS, udp10MB ADDRESS, dns NAME, " +
		"read FILE, add FILE WORD, fill FILE MIB, list FOLDER, fs PATH")
}

func serve() error {
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	socket, err := net.ListenPacket("udp", ":8081")
	if err != nil {
		return err
	}
	go answer(socket, host)
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, host, r.RemoteAddr) //nolint:errcheck // the client sees it
	})
	http.HandleFunc("/10MB", func(w http.ResponseWriter, _ *http.Request) {
		w.Write(bytes.Repeat([]byte{'x'}, 10e6)) //nolint:errcheck // the client sees it
	})
	return (&http.Server{Addr: ":8080", ReadHeaderTimeout: timeout}).ListenAndServe()
}

// listen serves the same on other addresses, until one of them fails.
func listen(addresses []string) error {
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	ended := make(chan error, len(addresses))
	for _, one := range addresses {
		network, address, _ := strings.Cut(one, ":")
		go func() { ended <- listenOne(network, address, host) }()
	}
	return <-ended
}

func listenOne(network, address, host string) error {
	if network == "udp" {
		socket, err := net.ListenPacket(network, address)
		if err == nil {
			answer(socket, host)
		}
		return err
	}
	return (&http.Server{Addr: address, ReadHeaderTimeout: timeout, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, host, r.RemoteAddr) //nolint:errcheck // the client sees it
	})}).ListenAndServe()
}

func answer(socket net.PacketConn, host string) {
	buffer := make([]byte, 64<<10)
	for {
		n, from, err := socket.ReadFrom(buffer)
		if err != nil {
			return
		}
		if string(buffer[:n]) == "hello" {
			fmt.Println("udp", from)
		}
		if _, err := socket.WriteTo([]byte(host+" "+from.String()+"\n"), from); err != nil {
			log.Print(err)
		}
	}
}

func get(url string) error {
	response, err := (&http.Client{Timeout: timeout}).Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // read to its end
	_, err = io.Copy(os.Stdout, response.Body)
	return err
}

// rtt asks many times over one connection and prints the 50th and the 99th
// percentile of what an answer took, in microseconds.
func rtt(url string) error {
	const times = 2000
	client := &http.Client{Timeout: timeout}
	took := make([]time.Duration, times)
	for i := range took {
		start := time.Now()
		response, err := client.Get(url)
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			return err
		}
		if err := response.Body.Close(); err != nil {
			return err
		}
		took[i] = time.Since(start)
	}
	slices.Sort(took)
	_, err := fmt.Println(took[times/2].Microseconds(), took[times*99/100].Microseconds())
	return err
}

// udp sends a datagram many times, each when the one before was answered,
// and prints the last answer. A datagram or its answer may be lost: then it is
// sent again, a few times in all.
func udp(address string, datagram []byte, times int) error {
	conn, err := net.DialTimeout("udp", address, timeout)
	if err != nil {
		return err
	}
	buffer := make([]byte, 64<<10)
	length, lost := 0, 0
	for sent := 0; sent < times; sent++ {
		if err := conn.SetDeadline(time.Now().Add(timeout / 5)); err != nil {
			return err
		}
		if _, err := conn.Write(datagram); err != nil {
			return err
		}
		if length, err = conn.Read(buffer); err != nil {
			if lost++; lost == 5 {
				return err
			}
			sent--
		}
	}
	_, err = os.Stdout.Write(buffer[:length])
	return err
}
