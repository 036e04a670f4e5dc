package reactor

// Local returns the T that a protocol keeps once per manager: what its
// connections share, such as spare memory. It is the zero T at the first call and
// the same one from then on, until the manager closes. T should be a type of the
// caller's package, lest two packages share one unawares.
func Local[T any](m *Manager) *T {
	m.own()
	key := any((*T)(nil))
	if v, ok := m.locals[key]; ok {
		return v.(*T)
	}
	if m.locals == nil {
		m.locals = make(map[any]any)
	}
	v := new(T)
	m.locals[key] = v
	return v
}
