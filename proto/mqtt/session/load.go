package session

import (
	"errors"
	"fmt"

	"github.com/rikki-go/rikki/internal/quote"
)

// clientKey is the store's key of the entry that says which session the store belongs to. Its value
// is the version of MQTT, in one byte, and the client identifier.
const clientKey = 'c'

// load takes over the entries of the store. Only the session of the same client may use them.
func (s *Session) load() error {
	if s.journal.store == nil {
		return nil
	}
	entries, named := 0, false
	err := s.journal.store.Load(func(key, value []byte) error {
		entries++
		if len(key) != 1 || key[0] != clientKey {
			return nil
		}
		named = true
		return s.loadClient(value)
	})
	switch {
	case err != nil:
		return wrapStore(err)
	case entries > 0 && !named:
		return errors.New("session: Options.Store has entries, but none with the client: it is not the store of a session")
	}
	now := s.m.Now()
	err = s.journal.store.Load(func(key, value []byte) error {
		switch {
		case len(key) == 0:
			return errors.New("an entry has an empty key")
		case key[0] == receivedKey:
			return s.receiver.load(key, value)
		case key[0] == keySender:
			return s.sender.load(now, key, value)
		case key[0] == clientKey:
			return nil
		}
		return fmt.Errorf("the key %s is unknown", quote.Cut(key))
	})
	if err != nil {
		return wrapStore(err)
	}
	if !named {
		s.putClient()
	}
	return s.journal.commit()
}

func wrapStore(err error) error { return fmt.Errorf("session: Options.Store: %w", err) }

// loadClient checks that the store belongs to this session.
func (s *Session) loadClient(value []byte) error {
	l := &s.opts.Login
	if len(value) < 2 {
		return errors.New("the entry of the client is damaged")
	}
	version, id := value[0], string(value[1:])
	switch {
	case l.AssignID:
		l.ClientID, l.AssignID = id, false
	case id != l.ClientID:
		return fmt.Errorf("it belongs to the client %s, not to %s", quote.Cut(id), quote.Cut(l.ClientID))
	}
	if version != l.Version {
		return fmt.Errorf("it has packets of protocol level %d, Options.Login.Version is %d", version, l.Version)
	}
	return nil
}

// putClient puts the entry that loadClient checks. It waits until the client identifier is known.
func (s *Session) putClient() {
	if l := &s.opts.Login; l.ClientID != "" {
		s.journal.put([]byte{clientKey}, append([]byte{l.Version}, l.ClientID...))
	}
}
