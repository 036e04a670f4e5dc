package allocs_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// idleClaims are the numbers of a row of the table of idle connections. 0 is a dash.
type idleClaims struct{ server, client int }

// idleTable returns the rows under a heading that begins with "an idle connection".
func idleTable(text string) (claims map[string]idleClaims, err error) {
	claims = map[string]idleClaims{}
	inside := false
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case len(cells) < 4:
			inside = false
			continue
		case cells[0] == "an idle connection":
			inside = true
			continue
		case !inside || strings.HasPrefix(cells[0], "---"):
			continue
		}
		var c idleClaims
		if c.server, err = idleBytes(cells[1]); err == nil {
			c.client, err = idleBytes(cells[2])
		}
		if _, twice := claims[cells[0]]; twice {
			err = fmt.Errorf("there are two rows with this name")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", cells[0], err)
		}
		claims[cells[0]] = c
	}
	return claims, nil
}

// idleBytes reads a number with or without commas, or a dash.
func idleBytes(cell string) (int, error) {
	if cell == "-" {
		return 0, nil
	}
	n, err := strconv.Atoi(strings.ReplaceAll(cell, ",", ""))
	if err == nil && n <= 0 {
		err = fmt.Errorf("%d is no number of bytes", n)
	}
	return n, err
}

// bounds reports whether a stated number is an upper bound of what was measured, and not more than
// a fifth too large.
func bounds(stated, measured int) bool { return measured <= stated && stated <= measured+measured/5 }

// Each row of the table "Memory of an idle connection" in docs/allocations.md is what a connection
// takes. Each kind of connection has a row.
func TestMemoryOfIdleConnections(t *testing.T) {
	text, err := os.ReadFile("../../docs/allocations.md")
	must(t, err)
	claims, err := idleTable(string(text))
	if err != nil {
		t.Fatalf("docs/allocations.md: %v", err)
	}
	for i := range idleKinds {
		k := &idleKinds[i]
		row, ok := claims[k.name]
		delete(claims, k.name)
		if !ok {
			t.Errorf("docs/allocations.md: no row %q", k.name)
			continue
		}
		if k.clientOnly && row.server != 0 {
			t.Errorf("docs/allocations.md: %q has a number for the server", k.name)
		}
		t.Run(k.name, func(t *testing.T) {
			if !k.clientOnly {
				compareIdle(t, k, "server", row.server)
			}
			compareIdle(t, k, "client", row.client)
		})
	}
	for name := range claims {
		t.Errorf("docs/allocations.md: nothing measures %q", name)
	}
}

// compareIdle measures a connection. The numbers are for 64-bit systems, and the race detector has
// memory of its own.
func compareIdle(t *testing.T, k *idleKind, role string, stated int) {
	t.Run(role, func(t *testing.T) {
		if raced || strconv.IntSize != 64 {
			t.Skip("the numbers are for 64-bit systems without the race detector")
		}
		got := measureIdle(t, k, role)
		t.Logf("%d bytes", got)
		if !bounds(stated, got) {
			t.Errorf("%d bytes per connection, docs/allocations.md says %d", got, stated)
		}
	})
}

func TestIdleBounds(t *testing.T) {
	for _, x := range []struct {
		stated, measured int
		want             bool
	}{
		{200, 200, true},
		{200, 201, false},
		{200, 167, true},
		{200, 166, false},
		{0, 200, false},
	} {
		if bounds(x.stated, x.measured) != x.want {
			t.Errorf("%+v", x)
		}
	}
}

func TestIdleTable(t *testing.T) {
	const head = "| an idle connection | server | client | what |\n| --- | --- | --- | --- |\n"
	claims, err := idleTable("| x | y | z | w |\n\n" + head + "| a | 1,000 | - | |\n| b | 2 | 30 | c |\n\n| d | 1 | 2 | 3 |\n")
	if err != nil || fmt.Sprint(claims) != "map[a:{1000 0} b:{2 30}]" {
		t.Errorf("%v %v", claims, err)
	}
	for _, row := range []string{"| a | x | 1 | |", "| a | 0 | 1 | |", "| a | 1 | -1 | |", "| a | 1 | 1 | |\n| a | 1 | 1 | |"} {
		if claims, err := idleTable(head + row); err == nil {
			t.Errorf("%q: %v", row, claims)
		}
	}
}
