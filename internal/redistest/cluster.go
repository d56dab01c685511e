package redistest

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// slots is how many hash slots a Redis Cluster has.
const slots = 16384

// Cluster is a Redis Cluster of masters on this machine, without replicas.
type Cluster struct {
	Nodes []*Server // each serves an equal share of the hash slots, in order
}

// StartCluster starts a cluster of n nodes and returns when all agree that every slot is served. ctx bounds the start
// alone. It ends with Stop, or with this process.
func StartCluster(ctx context.Context, n int) (*Cluster, error) {
	c := &Cluster{}
	password := rand.Text()
	for range n {
		node, err := startNode(ctx, password)
		if err != nil {
			return nil, errors.Join(err, c.Stop())
		}
		c.Nodes = append(c.Nodes, node)
	}
	if err := c.join(ctx); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

// startNode starts a node, with other ports when somebody takes those we found.
func startNode(ctx context.Context, password string) (node *Server, err error) {
	for range 5 {
		var bus int // by default it is the port and 10,000, which may be above 65,535
		if bus, err = freePort(); err != nil {
			return nil, err
		}
		node = &Server{password: password, opts: Options{TCP: true, Settings: map[string]string{
			"cluster-enabled": "yes", "cluster-port": strconv.Itoa(bus), "cluster-announce-ip": "127.0.0.1",
			"cluster-node-timeout": "5000",
		}}}
		if err = node.start(ctx); err == nil || !strings.Contains(err.Error(), "in use") {
			return node, err
		}
	}
	return nil, err
}

// join gives each node its slots and an epoch of its own, lets the first meet the others, and waits until they agree.
func (c *Cluster) join(ctx context.Context) error {
	first := redis.NewClient(c.Nodes[0].Options())
	defer first.Close()
	for i, node := range c.Nodes {
		if err := c.assign(ctx, i); err != nil {
			return err
		}
		if i > 0 {
			meet := first.Do(ctx, "cluster", "meet", "127.0.0.1", node.port, node.opts.Settings["cluster-port"])
			if err := meet.Err(); err != nil {
				return fmt.Errorf("redistest: %w", err)
			}
		}
	}
	for _, node := range c.Nodes {
		if err := agreed(ctx, node, len(c.Nodes)); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) assign(ctx context.Context, i int) error {
	client := redis.NewClient(c.Nodes[i].Options())
	defer client.Close()
	n := len(c.Nodes)
	err := cmp.Or(
		client.Do(ctx, "cluster", "set-config-epoch", i+1).Err(),
		client.ClusterAddSlotsRange(ctx, slots*i/n, slots*(i+1)/n-1).Err())
	if err != nil {
		return fmt.Errorf("redistest: %w", err)
	}
	return nil
}

// agreed waits until a node knows n nodes and who serves each slot.
func agreed(ctx context.Context, node *Server, n int) error {
	client := redis.NewClient(node.Options())
	defer client.Close()
	for {
		info, err := client.ClusterInfo(ctx).Result()
		known := fmt.Sprintf("cluster_known_nodes:%d\r", n)
		if err == nil && strings.Contains(info, "cluster_state:ok") && strings.Contains(info, known) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("redistest: the nodes do not agree: %w: %s", cmp.Or(err, ctx.Err()), info)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Options returns new options of a cluster client, which the caller may change.
func (c *Cluster) Options() *redis.ClusterOptions {
	opts := &redis.ClusterOptions{Password: c.Nodes[0].password}
	for _, node := range c.Nodes {
		opts.Addrs = append(opts.Addrs, node.addr())
	}
	return opts
}

// Stop ends all nodes and removes their folders.
func (c *Cluster) Stop() error {
	var errs []error
	for _, node := range c.Nodes {
		errs = append(errs, node.Stop())
	}
	return errors.Join(errs...)
}
