package entitlementstest

import (
	"slices"
	"time"
)

const (
	productFields = "id name description active metadata default_price_data unit_label tax_code statement_descriptor"
	priceFields   = "currency unit_amount unit_amount_decimal product product_data recurring active nickname metadata lookup_key " +
		"transfer_lookup_key billing_scheme tax_behavior"
)

var productCalls = []endpoint{
	{"POST /v1/products", productFields, (*Biller).createProduct},
	{"GET /v1/products", pageParams + "active ids", func(b *Biller, c *call) any {
		return page(b, c, "products", func(p *product) bool {
			return c.form.boolean("active", p.active) == p.active && (!c.form.has("ids") || slices.Contains(c.form.texts("ids"), p.id))
		})
	}},
	{"GET /v1/products/{id}", "", func(b *Biller, c *call) any { return lookup[*product](b, "product", "id", c.id) }},
	{"POST /v1/products/{id}", productFields, (*Biller).updateProduct},
	{"POST /v1/prices", priceFields, (*Biller).createPrice},
	{"GET /v1/prices", pageParams + "active product lookup_keys currency type recurring", (*Biller).listPrices},
	{"GET /v1/prices/{id}", "", func(b *Biller, c *call) any { return lookup[*price](b, "price", "id", c.id) }},
	{"POST /v1/prices/{id}", priceFields, (*Biller).updatePrice},
}

type product struct {
	id, name, description, defaultPrice string
	active, live                        bool
	metadata                            map[string]string
	created, updated                    time.Time
}

func (p *product) ref() string { return p.id }

func (p *product) render(version) object {
	return object{
		"id": p.id, "object": "product", "active": p.active, "created": p.created.Unix(), "updated": p.updated.Unix(),
		"default_price": orNull(p.defaultPrice), "description": orNull(p.description), "images": []any{}, "livemode": p.live,
		"metadata": p.metadata, "name": p.name, "package_dimensions": nil, "shippable": nil, "statement_descriptor": nil,
		"tax_code": nil, "unit_label": nil, "url": nil,
	}
}

func (p *product) take(f *form, now time.Time) {
	if f.has("name") {
		p.name = f.str("name")
	}
	if f.has("description") {
		p.description = f.str("description")
	}
	p.active, p.metadata, p.updated = f.boolean("active", p.active), f.merge("metadata", p.metadata), now
}

func (b *Biller) createProduct(c *call) any {
	c.form.need("name")
	id := c.form.str("id")
	if _, taken := b.things[id]; taken {
		e := invalid("id", "Product already exists.")
		e.code = "resource_already_exists"
		refuse(e)
	}
	if id == "" {
		id = b.newID("prod")
	}
	p := &product{id: id, active: true, live: b.opts.Live, created: b.now}
	p.take(&c.form, b.now)
	b.add("products", p)
	b.emit("product.created", p)
	return p
}

func (b *Biller) updateProduct(c *call) any {
	p := lookup[*product](b, "product", "id", c.id)
	b.change("product.updated", p, func() { p.take(&c.form, b.now) })
	return p
}

type price struct {
	id, product, currency, nickname, lookupKey, meter string
	interval                                          string // empty: paid once
	every, amount                                     int64
	active, live, metered                             bool
	metadata                                          map[string]string
	created                                           time.Time
}

func (p *price) ref() string { return p.id }

func (p *price) render(v version) object {
	out := object{
		"id": p.id, "object": "price", "active": p.active, "billing_scheme": "per_unit", "created": p.created.Unix(),
		"currency": p.currency, "custom_unit_amount": nil, "livemode": p.live, "lookup_key": orNull(p.lookupKey),
		"metadata": p.metadata, "nickname": orNull(p.nickname), "product": p.product, "recurring": nil,
		"tax_behavior": "unspecified", "tiers_mode": nil, "transform_quantity": nil, "type": "one_time",
		"unit_amount": p.amount, "unit_amount_decimal": amountText(p.amount),
	}
	if p.interval != "" {
		out["type"], out["recurring"] = "recurring", p.recurring(v)
	}
	return out
}

func (p *price) recurring(v version) object {
	usage := "licensed"
	if p.metered {
		usage = "metered"
	}
	out := object{"interval": p.interval, "interval_count": p.every, "meter": orNull(p.meter), "usage_type": usage}
	if !v.newer() {
		out["aggregate_usage"], out["trial_period_days"] = nil, nil
	}
	return out
}

func (b *Biller) createPrice(c *call) any {
	f := &c.form
	p := &price{
		id: b.newID("price"), active: f.boolean("active", true), live: b.opts.Live, created: b.now, currency: f.need("currency"),
		amount: f.integer("unit_amount", 0), nickname: f.str("nickname"), lookupKey: f.str("lookup_key"), metadata: f.merge("metadata", nil),
	}
	if f.has("recurring") {
		r := f.sub("recurring")
		r.need("interval")
		p.interval, p.every = r.oneOf("interval", "month", "day", "week", "year"), r.integer("interval_count", 1)
		p.metered, p.meter = r.oneOf("usage_type", "licensed", "metered") == "metered", r.str("meter")
		if p.meter != "" {
			lookup[*meter](b, "meter", "recurring[meter]", p.meter)
		}
	}
	p.product = b.productOf(f)
	b.claim(p, f.boolean("transfer_lookup_key", false))
	b.add("prices", p)
	b.emit("price.created", p)
	return p
}

// productOf returns the product that a new price is for, made on the way where the call describes one.
func (b *Biller) productOf(f *form) string {
	if !f.has("product_data") {
		return lookup[*product](b, "product", "product", f.need("product")).id
	}
	p := &product{id: b.newID("prod"), active: true, live: b.opts.Live, created: b.now}
	p.take(f.sub("product_data"), b.now)
	b.add("products", p)
	b.emit("product.created", p)
	return p.id
}

// claim refuses a lookup key that another price has, unless it is to be transferred.
func (b *Biller) claim(p *price, transfer bool) {
	for _, other := range each[*price](b, "prices") {
		if p.lookupKey == "" || other == p || other.lookupKey != p.lookupKey {
			continue
		}
		if !transfer {
			refuse(invalid("lookup_key", "A price (`%s`) already uses that lookup key.", other.id))
		}
		other.lookupKey = ""
	}
}

func (b *Biller) updatePrice(c *call) any {
	p := lookup[*price](b, "price", "id", c.id)
	b.change("price.updated", p, func() {
		p.active, p.metadata = c.form.boolean("active", p.active), c.form.merge("metadata", p.metadata)
		if c.form.has("nickname") {
			p.nickname = c.form.str("nickname")
		}
		if c.form.has("lookup_key") {
			p.lookupKey = c.form.str("lookup_key")
			b.claim(p, c.form.boolean("transfer_lookup_key", false))
		}
	})
	return p
}

func (b *Biller) listPrices(c *call) any {
	keys := c.form.texts("lookup_keys")
	return page(b, c, "prices", func(p *price) bool {
		return c.form.boolean("active", p.active) == p.active && c.form.matches("product", p.product) &&
			c.form.matches("currency", p.currency) && (keys == nil || slices.Contains(keys, p.lookupKey))
	})
}
