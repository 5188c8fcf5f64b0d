// Package page holds the demo's web page: plain HTML, CSS and JavaScript modules
// without a build step. The Node servers read the same files from the disk.
package page

import "embed"

// Files are the page and everything it loads from its own server, except the
// real client's bundle, which npm brings.
//
//go:embed *.html *.css *.js *.svg
var Files embed.FS
