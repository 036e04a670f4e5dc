package sim

import (
	"encoding/base64"
	"fmt"
	"testing"
)

// The methods, as the C program's page calls them, and with mistakes. Each response comes before
// the next request.
func TestMethods(t *testing.T) {
	f := newFixture(t)
	chunk := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	upload := func(offset, total int, data string) string {
		return fmt.Sprintf(`{"offset":%d,"total":%d,"chunk":"%s"}`, offset, total, chunk(data))
	}
	for i, row := range []struct{ method, params, want string }{
		{"rpc.list", `[]`, `"result":["state.set","ota.upload","rpc.list"]`},
		{"state.set", `{"led_status":true}`, `"result":true`},
		{"state.set", `{}`, `"error":{"code":-32602,"message":"state.set: led_status is missing"}`},
		{"state.get", `{}`, `"error":{"code":-32601,"message":"there is no method \"state.get\""}`},
		{"ota.upload", `{"total":1}`, `"error":{"code":1,"message":"want offset, total and chunk"}`},
		{"ota.upload", upload(4, 8, "more"), `"error":{"code":1,"message":"offset 4: no upload has begun"}`},
		{"ota.upload", upload(0, 0, ""), `"error":{"code":1,"message":"the size 0 is not from 1 to 16777216"}`},
		{"ota.upload", upload(0, maxImage+1, "x"), `"error":{"code":1,"message":"the size 16777217 is not from 1 to 16777216"}`},
		{"ota.upload", upload(0, 8, "firm"), `"result":"ok"`},
		{"ota.upload", upload(3, 8, "ware"), `"error":{"code":1,"message":"offset 3, 4 bytes of 8: not the next chunk"}`},
		{"ota.upload", upload(4, 8, "ware"), `"error":{"code":1,"message":"offset 4: no upload has begun"}`},
		{"ota.upload", upload(0, 8, "firm"), `"result":"ok"`},
		{"ota.upload", upload(4, 8, "wares"), `"error":{"code":1,"message":"offset 4, 5 bytes of 8: not the next chunk"}`},
		{"ota.upload", upload(0, 8, "firm"), `"result":"ok"`},
		{"ota.upload", upload(0, 8, "firm"), `"result":"ok"`}, // begins again
		{"ota.upload", upload(4, 9, "ware"), `"error":{"code":1,"message":"offset 4, 4 bytes of 9: not the next chunk"}`},
		{"ota.upload", upload(0, 8, "firm"), `"result":"ok"`},
		{"ota.upload", upload(4, 8, "ware"), `"result":"ok"`},
	} {
		f.send(fmt.Sprintf(`{"id":%d,"method":"%s","params":%s}`, i, row.method, row.params))
		f.await(fmt.Sprintf(`root/d/tx {"jsonrpc":"2.0","id":%d,%s}`, i, row.want))
	}
	f.await(`root/d/status {"jsonrpc":"2.0","method":"status.notify","params":{"status":"online","led_status":true,"firmware_version":"sha256-c3bf47ea"}}`)
}
