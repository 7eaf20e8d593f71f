// SPDX-License-Identifier: Apache-2.0

// A FastCGI program as Go people write it; the answer is told in tests/flow/native.py.  With `sum` the
// answer is the CRC-32 of the body alone; with until=PATH it is "tick", and "tock" when PATH exists.
package main

import (
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/fcgi"
	"os"
	"strconv"
	"time"
)

var kept [][]byte

func answer(w http.ResponseWriter, r *http.Request) {
	order := r.URL.Query()
	if path := order.Get("note"); path != "" {
		note, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
		if err == nil {
			fmt.Fprintln(note, os.Getpid())
			note.Close()
		}
	}
	if order.Has("sum") {
		sum := crc32.NewIEEE()
		io.Copy(sum, r.Body)
		fmt.Fprintf(w, "%08x\n", sum.Sum32())
		return
	}
	if path := order.Get("until"); path != "" {
		fmt.Fprint(w, "tick")
		w.(http.Flusher).Flush()
		for {
			if _, err := os.Stat(path); err == nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
		fmt.Fprint(w, "tock")
		return
	}
	slept := 0
	if ms, _ := strconv.Atoi(order.Get("sleep")); ms > 0 {
		began := time.Now()
		time.Sleep(time.Duration(ms) * time.Millisecond)
		slept = int(time.Since(began).Milliseconds())
	}
	w.Header().Set("Content-Type", "text/plain")
	fmt.Fprintf(w, "pid=%d slept=%d\n", os.Getpid(), slept)
	if order.Has("cat") {
		io.Copy(w, r.Body)
	}
}

func main() {
	// A nil listener is file descriptor 0, as FastCGI wants it.
	if err := fcgi.Serve(nil, http.HandlerFunc(answer)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
