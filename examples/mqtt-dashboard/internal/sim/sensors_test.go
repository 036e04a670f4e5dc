package sim

import "testing"

// The values are plausible, the same for the same identifier, and the LED changes them.
func TestSensors(t *testing.T) {
	a, b, dark := newSensors("x"), newSensors("x"), newSensors("x")
	for i := range 200 {
		va, vb, vd := a.next(true), b.next(true), dark.next(false)
		for name, v := range va {
			if v < 0 || v > 60 || v != vb[name] {
				t.Fatalf("step %d: %s is %v and %v", i, name, v, vb[name])
			}
		}
		if i > 50 && (va["temperature °C"] < vd["temperature °C"]+2 || va["current mA"] < vd["current mA"]+10) {
			t.Fatalf("step %d: with the LED %v, without %v", i, va, vd)
		}
	}
}
