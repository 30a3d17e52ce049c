package main

import (
	"bytes"
	"fmt"
	"os"
	"time"

	"comity.example/comity/gateway/objects/s3"
	"comity.example/comity/gateway/objects/s3/s3server"
	"github.com/minio/minio-go/v7"
)

// tries deletes what must stay, and looks that it did. The destroyer is shown on a
// copy of the head, so that the bucket keeps the whole package.
func (w *world) tries() error {
	list, err := w.versions()
	if err != nil {
		return err
	}
	payload, err := find(list, "/payload.000")
	if err != nil {
		return err
	}
	head, err := find(list, "/head")
	if err != nil {
		return err
	}
	relay, root := w.server.Config(bucketName, ""), w.server.RootConfig(bucketName, "")
	if payload.mode != "COMPLIANCE" || head.mode != "GOVERNANCE" {
		return fmt.Errorf("the payload is under %q, the head under %q", payload.mode, head.mode)
	}
	quote("The payload is under COMPLIANCE. Root, who may bypass GOVERNANCE, deletes its version, without and with bypass:")
	for _, bypass := range []bool{false, true} {
		if err := w.refused(root, payload, bypass); err != nil {
			return err
		}
	}
	quote("The head is under GOVERNANCE. The relay's own credential deletes its version, without and with bypass:")
	for _, bypass := range []bool{false, true} {
		if err := w.refused(relay, head, bypass); err != nil {
			return err
		}
	}
	quote("On a copy of the head, locked like it: the relay's credential, then the destroyer's, which is another:")
	return w.destroyed(relay, root)
}

// refused deletes a version and wants that the server says no and still has it.
func (w *world) refused(cfg *s3.Config, v version, bypass bool) error {
	c, err := s3server.Client(cfg)
	if err != nil {
		return err
	}
	said := c.RemoveObject(w.ctx, bucketName, v.key, minio.RemoveObjectOptions{VersionID: v.id, GovernanceBypass: bypass})
	r := minio.ToErrorResponse(said)
	if said == nil || r.StatusCode/100 != 4 {
		return fmt.Errorf("deleting %q as %q was not refused: %v", v.key, cfg.AccessKey, said)
	}
	info, err := c.StatObject(w.ctx, bucketName, v.key, minio.StatObjectOptions{VersionID: v.id})
	if err != nil || info.Size != v.size {
		return fmt.Errorf("%q was refused to be deleted, and is not there: %v", v.key, err)
	}
	how := "without bypass"
	if bypass {
		how = "with bypass"
	}
	quote(fmt.Sprintf("  refused %s: %d %s; the version is still there", how, r.StatusCode, r.Code))
	return nil
}

// destroyed makes a copy of the head, which only the destroyer can delete.
func (w *world) destroyed(relay, root *s3.Config) error {
	const key = "demonstration/head"
	c, err := s3server.Client(root)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(w.path("package", "head"))
	if err != nil {
		return err
	}
	made, err := c.PutObject(w.ctx, bucketName, key, bytes.NewReader(data), int64(len(data)), minio.PutObjectOptions{})
	if err != nil {
		return err
	}
	mode, until := minio.Governance, time.Now().Add(24*time.Hour).UTC()
	if err := c.PutObjectRetention(w.ctx, bucketName, key, minio.PutObjectRetentionOptions{Mode: &mode, RetainUntilDate: &until, VersionID: made.VersionID}); err != nil {
		return err
	}
	if err := w.refused(relay, version{key: key, id: made.VersionID, size: int64(len(data))}, true); err != nil {
		return err
	}
	d, err := s3.NewDestroyer(root)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Destroy(w.ctx, key, made.VersionID); err != nil {
		return err
	}
	if _, err := c.StatObject(w.ctx, bucketName, key, minio.StatObjectOptions{VersionID: made.VersionID}); minio.ToErrorResponse(err).StatusCode != 404 {
		return fmt.Errorf("the copy was destroyed, and is still there: %v", err)
	}
	quote("  destroyed: the copy is gone; the head itself stays until a destroyer is told")
	return nil
}
