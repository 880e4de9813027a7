// Command web is the test's user program: a server that says who answered
// whom, over TCP 8080 (HTTP) and UDP 8081, and the clients for it.
package main

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
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
	case "get":
		return get(args[1])
	case "udp":
		return udp(args[1])
	case "dns":
		found, err := net.LookupHost(args[1])
		fmt.Println(found)
		return err
	}
	return fmt.Errorf("verbs: get URL, udp ADDRESS, dns NAME")
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

func answer(socket net.PacketConn, host string) {
	buffer := make([]byte, 64<<10)
	for {
		_, from, err := socket.ReadFrom(buffer)
		if err != nil {
			return
		}
		fmt.Println("udp", from)
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

func udp(address string) error {
	conn, err := net.DialTimeout("udp", address, timeout)
	if err != nil {
		return err
	}
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	if _, err := conn.Write([]byte("hello")); err != nil {
		return err
	}
	buffer := make([]byte, 64<<10)
	n, err := conn.Read(buffer)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(buffer[:n])
	return err
}
