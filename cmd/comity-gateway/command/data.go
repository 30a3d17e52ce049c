package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"comity.example/comity/config"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/gateway"
	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/objects/s3"
	"comity.example/comity/gateway/records"
	"comity.example/comity/internal/durable"
)

// settings reads gateway.yaml.
func (a *app) settings() (*config.Gateway, error) {
	file := a.config
	switch {
	case file == "" && a.data == "":
		return nil, usageError{errors.New("name the relay with --data DIR or --config FILE")}
	case file == "":
		file = filepath.Join(a.data, configFile)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, hinted{fmt.Errorf("reading settings: %w", err), "make a relay with comity-gateway init"}
	}
	c, err := config.LoadGateway(file, b)
	if err == nil && a.data != "" {
		c.Data = a.data
	}
	return c, err
}

// relay is an open data folder.
type relay struct {
	cfg   *config.Gateway
	lock  *durable.Lock
	db    *records.DB
	log   *os.File // nil: standard error
	store objects.Store
	found *s3.Found // what the store's server enforces; nil: a folder

	destroyer objects.Destroyer // nil: heads stay as long as they are locked
	logger    *slog.Logger      // from gateway on

	closeStore func() error // nil: not open
}

// open locks a data folder and opens its database.
func (a *app) open(ctx context.Context) (r *relay, err error) {
	r = &relay{}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	if r.cfg, err = a.settings(); err != nil {
		return r, err
	}
	if r.lock, err = durable.LockFile(filepath.Join(r.cfg.Data, lockFile)); err != nil {
		return r, err
	}
	r.db, err = openDatabase(ctx, r.cfg)
	return r, err
}

// close closes in the reverse order, and the lock last.
func (r *relay) close() {
	if r.closeStore != nil {
		r.closeStore()
	}
	if r.db != nil {
		r.db.Close()
	}
	if r.log != nil {
		r.log.Close()
	}
	if r.lock != nil {
		r.lock.Unlock()
	}
}

// gateway opens the store, and the relay itself on its database and store.
func (a *app) gateway(ctx context.Context, r *relay) (*gateway.Gateway, error) {
	k, err := loadKeys(r.cfg.Data, r.cfg.Origin)
	if err != nil {
		return nil, err
	}
	descriptor, err := os.ReadFile(filepath.Join(r.cfg.Data, descriptorFile))
	if err != nil {
		return nil, fmt.Errorf("reading descriptor: %v", err)
	}
	recovery, err := r.cfg.Recovery()
	if err != nil {
		return nil, err
	}
	logger, err := a.logger(r)
	if err != nil {
		return nil, err
	}
	r.logger = logger
	policy, err := loadPolicy(r.cfg.Policy)
	if err != nil {
		return nil, err
	}
	if policy != nil {
		r.sayPolicy(policy)
	}
	stampers, err := loadTimestamps(r.cfg.Timestamps)
	if err != nil {
		return nil, err
	}
	witnesses, err := loadWitnesses(r.cfg.WitnessPolicy)
	if err != nil {
		return nil, err
	}
	if err := r.openStore(ctx, logger); err != nil {
		return nil, err
	}
	return gateway.New(ctx, &gateway.Config{
		Origin: r.cfg.Origin, Descriptor: descriptor, Key: k.hybrid, LogKey: k.log, Certificate: k.cert, Recovery: recovery,
		DB: r.db, Store: r.store, Destroyer: r.destroyer, Listen: r.cfg.Listen, Lock: r.cfg.Lock(), MaxRetention: r.cfg.MaxRetention(), MinFree: r.cfg.MinFree(),
		MaxConns: r.cfg.MaxConnections, Memory: r.cfg.Memory(), Windows: r.cfg.Windows(), Now: a.now, Logger: logger, Policy: policy, Witnesses: witnesses,
		Timestamps: stampers,
	})
}

// loadWitnesses reads the policy file that names the witnesses; without one nobody
// is asked.
func loadWitnesses(name string) (*translog.Policy, error) {
	if name == "" {
		return nil, nil
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("reading the witness policy: %w", err)
	}
	p, err := translog.ParsePolicy(b)
	if err != nil {
		return nil, fmt.Errorf("reading the witness policy %q: %v", name, err)
	}
	return p, nil
}

// logger returns the relay's log: one JSON object a line.
func (a *app) logger(r *relay) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(r.cfg.LogLevel)); err != nil {
		return nil, fmt.Errorf("reading log level: %v", err)
	}
	w := a.stderr
	if r.cfg.LogFile != "" {
		f, err := os.OpenFile(r.cfg.LogFile, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return nil, fmt.Errorf("opening log: %v", err)
		}
		r.log, w = f, f
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})), nil
}
