package jsonrpc_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/rikki-go/rikki/proto/jsonrpc"
)

// The text of an error of the other side is quoted: it may have line breaks.
func TestErrorText(t *testing.T) {
	err := fmt.Errorf("call: %w", jsonrpc.Errorf(jsonrpc.CodeNotFound, "no %s", "such\nmethod"))
	if want := `call: jsonrpc: error -32601: "no such\nmethod"`; err.Error() != want {
		t.Errorf("%s, want %s", err, want)
	}
	if e, ok := errors.AsType[*jsonrpc.Error](err); !ok || e.Code != jsonrpc.CodeNotFound {
		t.Errorf("%v, %v", e, ok)
	}
}
