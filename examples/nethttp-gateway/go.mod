module github.com/holdfast-proxy/holdfast/examples/nethttp-gateway

go 1.26.0

require github.com/holdfast-proxy/holdfast v0.0.0

require github.com/hashicorp/golang-lru/v2 v2.0.7 // indirect

replace github.com/holdfast-proxy/holdfast => ../..
