package discovery

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/holdfast-proxy/holdfast/routing"
)

// fileLimit is how many bytes of a file are read at most; about ten thousand backends.
const fileLimit = 1 << 20

// file is a source that is a file.
type file struct {
	path    string
	seen    os.FileInfo // as of the last look; nil: it was not there
	settled bool        // it was read as seen, after it had rested
}

// look reads the file once it has rested for the time of one look, so that a writer who is in the middle of it is not
// believed. A forced reading does not wait for that; one more follows, for the same reason. Errors name the file, and the
// line where there is one.
func (f *file) look(_ context.Context, force bool) ([]routing.BackendConfig, error) {
	info, err := os.Stat(f.path)
	if err != nil {
		f.seen = nil
		return nil, err
	}
	rests := f.seen != nil && same(f.seen, info)
	read := force || rests && !f.settled
	f.seen, f.settled = info, rests && !force
	if !read {
		return nil, nil
	}
	data, err := f.read(info)
	if err != nil {
		f.settled = false // what has been amended may show in nothing but that it can be read now
		return nil, err
	}
	list, err := parseList(data)
	if err != nil {
		return nil, fmt.Errorf("%s:%w", f.path, err)
	}
	return list, nil
}

// same says that a file is the one it was, as far as that shows without reading it.
func same(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// read returns what stands in the file.
func (f *file) read(info os.FileInfo) ([]byte, error) {
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: want a regular file", f.path) // opening a pipe would wait for its writer
	}
	r, err := os.Open(f.path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, fileLimit+1))
	if err == nil && len(data) > fileLimit {
		err = fmt.Errorf("%s: want at most %d bytes", f.path, fileLimit)
	}
	return data, err
}
