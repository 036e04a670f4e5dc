package http_test

import (
	"fmt"

	"github.com/rikki-go/rikki/proto/http"
)

func ExampleMatch() {
	for _, uri := range []string{"/api/device/7", "/api/device/7/led/on", "/index.html"} {
		var id, rest []byte
		switch {
		case http.Match(uri, "/api/device/*"):
			fmt.Println(uri, "is a device")
		case http.Match([]byte(uri), "/api/device/*/#", &id, &rest):
			fmt.Printf("%s is %s of device %s\n", uri, rest, id)
		default:
			fmt.Println(uri, "is a file")
		}
	}
	// Output:
	// /api/device/7 is a device
	// /api/device/7/led/on is led/on of device 7
	// /index.html is a file
}
