package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync/atomic"
	"time"
)

// Files in the program's directory, in which the processes run.
const (
	binary   = "holdfast"
	certFile = "cert.pem"
	keyFile  = "key.pem"
)

// prepare builds holdfast and makes a certificate.
func prepare(dir string) error {
	build := exec.Command("go", "build", "-o", filepath.Join(dir, binary), "./cmd/holdfast")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("%v (run this in the project's root)", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, certFile), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600),
		os.WriteFile(filepath.Join(dir, keyFile), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600),
	)
}

// bench is one holdfast process, its backend and its clients.
type bench struct {
	process *exec.Cmd
	addr    string // where it listens
	backend net.Listener
	clients []net.Conn

	opened atomic.Int64 // sessions
	held   atomic.Int64 // polls at the backend
	moved  atomic.Int64 // bytes of downloads that the backend has sent
}

// start runs a backend and a process in front of it.
func start(dir string, flags []string) (*bench, error) {
	b := &bench{}
	var err error
	if b.backend, err = listenSmall(); err != nil {
		return nil, err
	}
	go b.accept()
	flags = append([]string{"--listen", "127.0.0.1:0", "--backend", "http://" + b.backend.Addr().String(), "--health-check", "off", "--admin", ""}, flags...)
	b.process = exec.Command("./"+binary, flags...)
	b.process.Dir, b.process.Env = dir, []string{}
	log, err := b.process.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := b.process.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		if found := regexp.MustCompile(`msg=listening addr=(\S+)`).FindStringSubmatch(lines.Text()); found != nil {
			b.addr = found[1]
			go func() {
				for lines.Scan() {
				}
			}()
			return b, nil
		}
	}
	b.stop()
	return nil, errors.New("holdfast does not listen")
}

// stop ends the process and all connections.
func (b *bench) stop() {
	_ = b.process.Process.Kill()
	_ = b.process.Wait()
	b.backend.Close()
	for _, c := range b.clients {
		c.Close()
	}
}

var rss = regexp.MustCompile(`(?m)^Rss:\s+(\d+) kB$`)

// resident returns the process's resident set in bytes.
func (b *bench) resident() int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", b.process.Process.Pid))
	check(err)
	found := rss.FindSubmatch(text)
	if found == nil {
		check(errors.New("smaps_rollup has no Rss"))
	}
	kib, err := strconv.Atoi(string(found[1]))
	check(err)
	return kib << 10
}

// failure is what check panics with; measure recovers it.
type failure struct{ err error }

func check(err error) {
	if err != nil {
		panic(failure{err})
	}
}
