package sim

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
)

// sensors are the simulated sensors of a device.
type sensors struct {
	random *rand.Rand
	base   float64 // temperature of the room
	heat   float64 // what the LED adds
	step   int
}

// values are the parameters of values.notify: a name with its unit, and a number.
type values map[string]float64

// newSensors makes sensors. The same id gives the same values.
func newSensors(id string) sensors {
	h := fnv.New64a()
	h.Write([]byte(id))
	r := rand.New(rand.NewPCG(h.Sum64(), 0))
	return sensors{random: r, base: 18 + 6*r.Float64(), step: r.IntN(100)}
}

// next returns the next values. The LED makes its device warmer, and takes current.
func (s *sensors) next(led bool) values {
	target, current := 0.0, 12.0
	if led {
		target, current = 4, 32
	}
	s.step++
	s.heat += (target - s.heat) / 12
	temperature := s.base + s.heat + math.Sin(float64(s.step)/9) + 0.15*s.random.NormFloat64()
	return values{"temperature °C": round(temperature), "current mA": round(current + 0.8*s.random.NormFloat64())}
}

// round keeps two digits after the point.
func round(x float64) float64 { return math.Round(x*100) / 100 }
