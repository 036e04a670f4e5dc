package sim

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"

	"github.com/rikki-go/rikki/proto/jsonrpc"
)

// maxImage is the largest size of firmware in bytes.
const maxImage = 16 << 20

// codeUpload is the code of the errors of ota.upload, as in the C program.
const codeUpload = 1

// set is the method state.set. It has one parameter, led_status.
func (d *Device) set(r *jsonrpc.Request) (any, error) {
	var p struct {
		LED *bool `json:"led_status"`
	}
	if err := r.Bind(&p); err != nil {
		return nil, err
	}
	if p.LED == nil {
		return nil, jsonrpc.Errorf(jsonrpc.CodeInvalidParams, "state.set: led_status is missing")
	}
	d.state.LED = *p.LED
	d.opts.Log.Info("LED", "device", d.opts.ID, "on", d.state.LED)
	return true, nil
}

// upload is firmware that arrives in pieces. A device would write it to flash memory. This one
// computes its hash, whose beginning is the new version.
type upload struct {
	hash        hash.Hash // nil: none has begun
	size, total int64
}

// upload is the method ota.upload. Its parameters are the offset of a chunk, the size of the image
// and the chunk in base64. Offset 0 begins a new upload.
func (d *Device) upload(r *jsonrpc.Request) (any, error) {
	var p struct {
		Offset *int64  `json:"offset"`
		Total  *int64  `json:"total"`
		Chunk  *[]byte `json:"chunk"`
	}
	u := &d.image
	if err := r.Bind(&p); err != nil {
		return nil, err
	}
	switch {
	case p.Offset == nil || p.Total == nil || p.Chunk == nil:
		return nil, jsonrpc.Errorf(codeUpload, "want offset, total and chunk")
	case *p.Total < 1 || *p.Total > maxImage:
		return nil, jsonrpc.Errorf(codeUpload, "the size %d is not from 1 to %d", *p.Total, maxImage)
	case *p.Offset == 0:
		*u = upload{hash: sha256.New(), total: *p.Total}
	case u.hash == nil:
		return nil, jsonrpc.Errorf(codeUpload, "offset %d: no upload has begun", *p.Offset)
	}
	if *p.Offset != u.size || *p.Total != u.total || u.size+int64(len(*p.Chunk)) > u.total {
		*u = upload{}
		return nil, jsonrpc.Errorf(codeUpload, "offset %d, %d bytes of %d: not the next chunk", *p.Offset, len(*p.Chunk), *p.Total)
	}
	u.hash.Write(*p.Chunk)
	if u.size += int64(len(*p.Chunk)); u.size == u.total {
		d.state.Firmware = "sha256-" + hex.EncodeToString(u.hash.Sum(nil)[:4])
		d.opts.Log.Info("FIRMWARE", "device", d.opts.ID, "bytes", u.size, "version", d.state.Firmware)
		*u = upload{}
	}
	return "ok", nil
}
