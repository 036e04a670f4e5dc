package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rikki-go/rikki/internal/looptest"
)

// TestWebCurl lets curl use our server. {} in the arguments is the address of the server, and
// {dir} a folder with the file big.bin.
func TestWebCurl(t *testing.T) {
	program := looptest.Installed(t, "curl")
	t.Parallel()
	s := startWeb(t)
	dir := t.TempDir()
	for name, p := range map[string][]byte{"big.bin": bigFile, "part.bin": bigFile[:1000], "long.txt": []byte(strings.Repeat("a=b&", 1000))} {
		if err := os.WriteFile(filepath.Join(dir, name), p, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const small = "http://{}/files/small.txt"
	for _, row := range []struct{ name, args, want string }{
		{"file", small, string(smallFile)},
		{"HTTP/1.0", "-0 http://{}/chunked", "one\ntwo\nthree\n"},
		{"HTTP/1.0, kept open", "-0 -H Connection:keep-alive " + small + " " + small, string(smallFile) + string(smallFile)},
		{"chunked", "http://{}/chunked", "one\ntwo\nthree\n"},
		{"chunked, raw", "--raw http://{}/chunked", "4\r\none\n\r\n4\r\ntwo\n\r\n6\r\nthree\n\r\n0\r\n\r\n"},
		{"compressed", "--compressed -w %{size_download} -o /dev/null " + small, fmt.Sprint(packedSize(t, s))},
		{"connections for two requests", "-w %{num_connects} -o /dev/null " + small + " -o /dev/null " + small, "10"},
		{"connections with Connection: close", "-H Connection:close -w %{num_connects} -o /dev/null " + small + " -o /dev/null " + small, "11"},
		{"HEAD and then GET", "-I -w %{http_code}.%{size_download} -o /dev/null " + small + " --next -s -w .%{num_connects} -o /dev/null " + small, "200.0.0"},
		{"HEAD of chunks", "-I -w %{http_code} -o /dev/null http://{}/chunked", "200"},
		{"range", "-r 10-13 " + small, "abcd"},
		{"last bytes", "-r -3 " + small, "yz\n"},
		{"two ranges", "-r 0-1,5-6 -w %{http_code} -o /dev/null " + small, "200"},
		{"resumed download", "-C 1000 -o {dir}/part.bin -w %{http_code} http://{}/files/big.bin", "206"},
		{"not newer than a file", "-z {dir}/big.bin -w %{http_code} " + small, "304"},
		{"entity tag", "--etag-save {dir}/tag -o /dev/null " + small + " --next -s --etag-compare {dir}/tag -w %{http_code} " + small, "304"},
		{"upload of a file", "-T {dir}/big.bin http://{}/upload", sum(bigFile)},
		{"upload in chunks", "-H Transfer-Encoding:chunked -T {dir}/big.bin http://{}/upload", sum(bigFile)},
		{"upload with Expect", "-H Expect:100-continue --expect100-timeout 100 -T {dir}/big.bin http://{}/upload", sum(bigFile)},
		{"refused upload", "-H Expect:100-continue --expect100-timeout 100 -w %{http_code}.%{size_upload} -T {dir}/big.bin http://{}/refuse", "refused\n403.0"},
		{"unknown expectation", "-H Expect:miracle -w %{http_code} -o /dev/null -d x http://{}/form", "417"},
		{"form", "-d name=value --data-urlencode text=a&b=ç http://{}/form", "name=value&text=a&b=ç"},
		{"query", "-G -d name=value http://{}/form", "name=value"},
		{"multipart form", "-F name=value -F file=@{dir}/big.bin http://{}/form", fmt.Sprintf("name=value&file=big.bin:%d", len(bigFile))},
		{"without login", "-w %{http_code} http://{}/login", "401"},
		{"login", "-u user:pa:ss http://{}/login", "user pa:ss"},
		{"login when asked", "--anyauth -u user:pass http://{}/login", "user pass"},
		{"bearer", "--oauth2-bearer token -w %{http_code} http://{}/login", "401"},
		{"cookies", "-c {dir}/jar http://{}/cookie --next -s -b {dir}/jar http://{}/cookie", "sweet"},
		{"redirect", "-L http://{}/move", string(smallFile)},
		{"twenty at once", "-Z --parallel-max 20 -o /dev/null -w %{http_code} http://{}/files/big.bin?[1-20]", strings.Repeat("200", 20)},
		{"path out of the folder", "--path-as-is -w %{http_code} -o /dev/null http://{}/files/../../etc/passwd", "404"},
		{"UNIX-domain socket", "--unix-socket " + s.unix + " http://any/files/small.txt", string(smallFile)},
		{"https", "--cacert " + identities().ca + " https://" + s.tls + "/files/small.txt", string(smallFile)},
		{"https 1.2", "--tls-max 1.2 --cacert " + identities().ca + " https://" + s.tls + "/files/small.txt", string(smallFile)},
		{"https and ALPN", "-w %{http_version} -o /dev/null --http2 --cacert " + identities().ca + " https://" + s.tls + "/files/small.txt", "1.1"},
		{"PROXY protocol", "--haproxy-protocol -w .%{local_ip}:%{local_port} http://" + s.proxied + "/peer", "the address twice"},
		{"no PROXY protocol", "-w %{http_code} http://" + s.proxied + "/peer", "no response"},
	} {
		t.Run(row.name, func(t *testing.T) {
			args := []string{"-q", "-s", "--max-time", "180"}
			for _, arg := range strings.Fields(row.args) {
				args = append(args, strings.NewReplacer("{}", s.plain, "{dir}", dir).Replace(arg))
			}
			out, diag, status := run(t, program, args...)
			if row.want == "no response" && (status == 52 || status == 56) && out == "000" { // the end, or a reset
				return
			}
			if status != 0 {
				out = fmt.Sprintf("status %d: %s", status, out)
			}
			if row.want == "the address twice" { // what curl has, and what the server has found in the header
				at, own, _ := strings.Cut(out, " ")
				if _, own, _ = strings.Cut(own, "."); status != 0 || at != own {
					t.Errorf("the server says %q, curl %q", at, out)
				}
				return
			}
			if out != row.want {
				t.Errorf("curl %s\n%.200q %s\nwant %.200q", row.args, out, diag, row.want)
			}
		})
	}
	if got, err := os.ReadFile(filepath.Join(dir, "part.bin")); err != nil || string(got) != string(bigFile) {
		t.Errorf("the resumed file has %d bytes, %v", len(got), err)
	}
}

// packedSize returns the size of the compressed form of small.txt.
func packedSize(t *testing.T, s *rikkiWeb) int64 {
	t.Helper()
	info, err := s.files.Stat("small.txt.gz")
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
