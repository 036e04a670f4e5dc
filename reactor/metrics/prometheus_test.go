package metrics_test

import (
	"errors"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rikki-go/rikki/internal/looptest"
	"github.com/rikki-go/rikki/reactor"
	"github.com/rikki-go/rikki/reactor/metrics"
)

var (
	helpLine = regexp.MustCompile(`^# HELP (\w+) [^\\\n]+$`)
	typeLine = regexp.MustCompile(`^# TYPE (\w+) (counter|gauge)$`)
	sample   = regexp.MustCompile(`^(\w+)\{manager="((?:[^"\\\n]|\\["\\n])*)"\} ([-+.0-9e]+)$`)
)

// parse reads the text format strictly, and returns the values by metric and label.
func parse(t *testing.T, text string) map[string]map[string]float64 {
	t.Helper()
	values, name, kind := map[string]map[string]float64{}, "", ""
	lines := strings.Split(text, "\n")
	if last := lines[len(lines)-1]; last != "" {
		t.Errorf("the last line %q has no line feed", last)
	}
	for i, line := range lines[:len(lines)-1] {
		if m := helpLine.FindStringSubmatch(line); m != nil {
			if name = m[1]; values[name] != nil {
				t.Errorf("line %d: %s twice", i+1, name)
			}
			values[name] = map[string]float64{}
		} else if m := typeLine.FindStringSubmatch(line); m != nil && m[1] == name {
			if kind = m[2]; kind == "counter" != strings.HasSuffix(name, "_total") {
				t.Errorf("line %d: %s is a %s", i+1, name, kind)
			}
		} else if m := sample.FindStringSubmatch(line); m != nil && m[1] == name {
			v, err := strconv.ParseFloat(m[3], 64)
			if _, twice := values[name][m[2]]; err != nil || twice {
				t.Errorf("line %d: %q", i+1, line)
			}
			values[name][m[2]] = v
		} else {
			t.Errorf("line %d: %q", i+1, line)
		}
	}
	return values
}

// Each field of Stats has a metric of its own with the field's value.
func TestEveryFieldIsAMetric(t *testing.T) {
	var s reactor.Stats
	v := reflect.ValueOf(&s).Elem()
	for i := range v.NumField() {
		f := v.Field(i)
		switch f.Kind() {
		case reflect.Uint64:
			f.SetUint(uint64(1000 + i))
		case reflect.Int64: // a time.Duration
			f.SetInt(int64(1000+i) * int64(time.Second))
		default:
			f.SetInt(int64(1000 + i))
		}
	}
	values := parse(t, string(metrics.Append(nil, metrics.Sample{Name: "m", Stats: s})))
	if len(values) != v.NumField()+1 {
		t.Errorf("%d metrics for %d fields and rikki_up", len(values), v.NumField())
	}
	for i := range v.NumField() {
		found := ""
		for name, of := range values {
			if of["m"] == float64(1000+i) {
				found = name
			}
		}
		isTime := v.Field(i).Type() == reflect.TypeFor[time.Duration]()
		isCounter := v.Field(i).Kind() == reflect.Uint64
		if found == "" || strings.HasSuffix(found, "_seconds") != isTime || strings.HasSuffix(found, "_total") != isCounter {
			t.Errorf("the field %s is the metric %q", v.Type().Field(i).Name, found)
		}
	}
}

// Several managers share the HELP and TYPE lines. One that did not answer is not up. Names are
// escaped.
func TestSeveralManagers(t *testing.T) {
	const odd = "a \"b\"\\\n\xff"
	text := string(metrics.Append([]byte("# HELP before x\n# TYPE before gauge\n"),
		metrics.Sample{Name: "one", Stats: reactor.Stats{Conns: 3, Lag: 1500 * time.Microsecond}},
		metrics.Sample{Name: "two", Err: errors.New("stuck")},
		metrics.Sample{Name: odd, Stats: reactor.Stats{Conns: 5}}))
	values := parse(t, text)
	const escaped = `a \"b\"\\\n` + "\uFFFD"
	for _, test := range []struct {
		metric, label string
		want          float64
	}{
		{"rikki_up", "one", 1}, {"rikki_up", "two", 0}, {"rikki_up", escaped, 1},
		{"rikki_connections", "one", 3}, {"rikki_connections", escaped, 5}, {"rikki_timer_lag_seconds", "one", 0.0015},
	} {
		if got, ok := values[test.metric][test.label]; !ok || got != test.want {
			t.Errorf("%s of %q is %v, want %v", test.metric, test.label, got, test.want)
		}
	}
	if _, ok := values["rikki_connections"]["two"]; ok {
		t.Error("a manager that did not answer has connections")
	}
	if only := parse(t, string(metrics.Append(nil, metrics.Sample{Name: "x", Err: errors.New("stuck")}))); len(only) != 1 {
		t.Errorf("metrics without samples: %v", only)
	}
}

// Append to a buffer that is large enough does not allocate.
func TestAppendDoesNotAllocate(t *testing.T) {
	samples := []metrics.Sample{{Name: "one \"1\"", Stats: reactor.Stats{Lag: time.Second / 3}}, {Name: "two", Err: errors.New("stuck")}}
	buf := metrics.Append(nil, samples...)
	looptest.WantNoAllocs(t, "Append", func() { buf = metrics.Append(buf[:0], samples...) })
}
