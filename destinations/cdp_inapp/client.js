/*! Headwater in-app messages, Apache-2.0 */
(() => {
  const doc = document, script = doc.currentScript;
  const TAGS = /^(a|b|blockquote|br|code|del|div|em|h[1-4]|hr|i|img|ins|li|ol|p|pre|s|small|span|strong|sub|sup|u|ul)$/;
  const RUNS = /^(javascript|data|vbscript|file|blob):/;
  const CSS = `:host{all:initial;--hw-accent:#2257c9;--hw-accent-text:#fff;--hw-background:#fff;--hw-text:#1b2130;--hw-muted:#5a6375;--hw-border:#d5dae3;--hw-radius:10px;--hw-shadow:0 8px 32px #0004;--hw-font:15px/1.5 system-ui,sans-serif;--hw-width:22rem;--hw-z-index:2147483000}
@media(prefers-color-scheme:dark){:host{--hw-accent:#8fb4ff;--hw-accent-text:#0b1220;--hw-background:#1b2130;--hw-text:#eef1f7;--hw-muted:#a9b3c6;--hw-border:#39435a}}
*{box-sizing:border-box}.box{position:fixed;z-index:var(--hw-z-index);margin:0;padding:1rem 1.25rem;max-width:calc(100vw - 2rem);max-height:85vh;overflow:auto;overflow-wrap:anywhere;font:var(--hw-font);color:var(--hw-text);background:var(--hw-background);border:1px solid var(--hw-border);border-radius:var(--hw-radius);box-shadow:var(--hw-shadow)}
.banner{inset:0 0 auto;max-width:none;border-width:0 0 1px;border-radius:0}
.slide_in{inset:auto 1rem 1rem auto}
.modal{inset:0;margin:auto;width:32rem;height:fit-content}
.modal::backdrop{background:#0008}.slide_in,.inbox{width:var(--hw-width)}
@keyframes in{from{opacity:0;transform:translateY(.5rem)}}
@media(prefers-reduced-motion:no-preference){.box{animation:in .2s}}
h2{font-size:1.1em;margin:0 2rem .25rem 0}
p{margin:.5em 0}img{max-width:100%;height:auto}a{color:var(--hw-accent)}
article{position:relative;padding:.75rem 0;border-top:1px solid var(--hw-border)}
.unread h2::before{content:"● ";color:var(--hw-accent)}
time,.muted{color:var(--hw-muted);font-size:.85em}
button,.button{display:inline-block;font:inherit;cursor:pointer;margin:.5rem .5rem 0 0;padding:.35rem .9rem;border:1px solid var(--hw-accent);border-radius:var(--hw-radius);text-decoration:none;color:var(--hw-accent-text);background:var(--hw-accent)}
.close{position:absolute;top:.4rem;right:.4rem;margin:0;padding:.1rem .6rem;border-color:transparent;color:var(--hw-muted);background:none}
:focus-visible{outline:3px solid var(--hw-accent);outline-offset:2px}`;
  const BADGE = ':where([data-headwater-badge]){margin-left:.35em;padding:.05em .5em;border-radius:1em;font-size:.8em;color:#fff;background:#c22}';

  let options, token, base, host, root, sheet, live, messages, control, timer, ticking;
  let current, panel, opener, page, hooked, at, badge, streamAfter, failures, asked, every = 30;
  const gone = new Set();

  const emit = (name, detail) => doc.dispatchEvent(new CustomEvent('headwater:' + name, {detail}));
  const label = (name) => (options.labels || {})[name] || name;

  const safe = (link) => {
    try {
      const {href} = new URL(link, location.href);
      return RUNS.test(href) ? '' : href;
    } catch (_) { return ''; }
  };
  const el = (tag, attributes, ...children) => {
    const made = doc.createElement(tag);
    for (const name in attributes) {
      const value = attributes[name];
      if (typeof value === 'function') made.addEventListener(name, value);
      else if (value != null) made.setAttribute(name, value);
    }
    made.append(...children.filter(Boolean));
    return made;
  };
  // Content comes as a tree, so that nothing here parses markup.
  const build = (node) => {
    if (!Array.isArray(node)) return String(node);
    const [tag, given, ...children] = node, attributes = {};
    if (!TAGS.test(tag)) return '';
    for (const name in given) {
      if (/^(href|src)$/.test(name)) attributes[name] = safe(given[name]);
      else if (/^(alt|title|width|height|lang|dir)$/.test(name)) attributes[name] = given[name];
    }
    return el(tag, attributes, ...children.map(build));
  };

  const call = async (path, more) => {
    const answer = await fetch(base + path, more || {headers: {Authorization: 'Bearer ' + token}, signal: control.signal});
    if (!answer.ok) throw answer;
    return answer;
  };

  const told = [];
  const tell = async () => {
    const events = told.splice(0, 99);
    // It outlives the page, and what did not get through is told again later.
    if (events[0]) try {
      await call('/events', {method: 'POST', keepalive: true, body: JSON.stringify({token, events})});
    } catch (_) { told.push(...events); }
  };
  const say = (m, type, more) => {
    emit(type, m);
    told.push({id: m.id, type, at: Date.now(), ref: Math.random().toString(36).slice(2), ...more});
    // What is said in one go is told in one request, before the page is left.
    queueMicrotask(tell);
  };
  const shown = (m) => { if (!m.opened) { m.opened = true; say(m, 'shown'); } };
  const end = (m, dismissed) => {
    gone.add(m.id);
    if (dismissed) say(m, 'dismissed');
    messages = messages.filter((each) => each.id !== m.id);
    update();
  };
  const clicked = (m, link, button) => {
    m.clicked = true;
    say(m, 'clicked', {link, button});
    if (m.form !== 'inbox') end(m);
  };

  const inside = (m) => {
    const press = (event) => {
      const link = event.target.closest('a[href]');
      if (link) clicked(m, link.href, link.dataset.button);
    };
    const title = m.link ? el('a', {href: safe(m.link)}, m.title) : m.title;
    return el('div', {click: press},
      m.image && el('img', {src: safe(m.image), alt: ''}),
      m.title && el('h2', {}, title),
      ...m.body.map(build),
      ...m.buttons.map((button) => button.link
        ? el('a', {class: 'button', href: safe(button.link), 'data-button': button.text}, button.text)
        : el('button', {type: 'button', click: () => {
          if (button.action === 'dismiss') return end(m, true);
          emit('action', {message: m, button});
          clicked(m, '', button.text);
        }}, button.text)));
  };
  const cross = (text, act) => el('button', {class: 'close', type: 'button', 'aria-label': text, click: act}, '×');

  const good = (m) => !m.expires_at || Date.parse(m.expires_at) > Date.now();
  const fits = (m) => good(m) && (!m.pages[0] || m.pages.some((rule) => {
    try { return new RegExp(rule).test(page || location.pathname); } catch (_) {}
  }));

  const remove = () => {
    const box = current.box, active = root.activeElement;
    if (box.close) box.close();
    else if (active && box.contains(active) && current.before) current.before.focus();
    box.remove();
    current = 0;
  };
  const popUp = () => {
    if (current && !messages.some((m) => m.id === current.id && fits(m))) remove();
    if (current) return;
    const m = messages.filter((each) => each.form !== 'inbox' && fits(each))
      .sort((a, b) => a.priority - b.priority || (a.sent_at < b.sent_at ? -1 : 1))[0];
    if (!m) return;
    const modal = m.form === 'modal', close = () => end(m, true);
    const box = el(modal ? 'dialog' : 'section', {
      class: 'box ' + m.form,
      'aria-label': m.title || label('Messages'),
      cancel: (event) => { event.preventDefault(); close(); },
      keydown: (event) => { if (event.key === 'Escape' && !modal) close(); },
    }, inside(m), cross(label('Close'), close));
    for (const name in m.theme) box.style.setProperty('--hw-' + name, m.theme[name]);
    current = {id: m.id, box, before: doc.activeElement};
    (modal ? root : live).append(box);
    if (modal) box.showModal();
    shown(m);
  };

  const native = (element) => /^(A|BUTTON)$/.test(element.tagName);
  const inbox = () => messages.filter((m) => m.form === 'inbox' && good(m));
  const badges = () => {
    const count = messages ? inbox().filter((m) => !m.opened).length : 0;
    doc.querySelectorAll('[data-headwater-inbox]').forEach((element) => {
      const expanded = String(!!panel && element === opener);
      if (element.ariaExpanded !== expanded) element.ariaExpanded = expanded;
      if (!element.ariaHasPopup) {
        element.ariaHasPopup = 'dialog';
        if (!native(element)) { element.role = 'button'; element.tabIndex = 0; }
      }
      let mark = element.querySelector('[data-headwater-badge]');
      if (!mark && count) element.append(mark = el('span', {'data-headwater-badge': ''}));
      if (mark && !count) mark.remove();
      else if (mark && mark.textContent != count) mark.textContent = count;
    });
  };
  const list = () => {
    const found = inbox(), key = JSON.stringify(found.map((m) => m.id));
    if (!panel || panel.key === key) return;
    panel.key = key;
    const inFocus = root.activeElement && panel.contains(root.activeElement);
    panel.replaceChildren(el('h2', {tabindex: -1}, label('Messages')), cross(label('Close'), shut),
      ...(found.length ? found.map((m) => el('article', {class: m.opened ? '' : 'unread'},
        inside(m), el('time', {datetime: m.sent_at}, new Date(m.sent_at).toLocaleString()),
        cross(label('Remove') + ': ' + m.title, () => end(m, true)))) : [el('p', {class: 'muted'}, label('No messages'))]));
    if (inFocus) panel.querySelector('h2').focus();
    found.forEach(shown);
  };
  const shut = () => {
    panel.remove();
    panel = 0;
    badges();
    if (opener) opener.focus();
  };
  const open = (element) => {
    if (panel) return shut();
    if (!messages) return;
    opener = element;
    panel = el('div', {class: 'box inbox', role: 'dialog', 'aria-label': label('Messages'), keydown: (event) => { if (event.key === 'Escape') shut(); }});
    root.append(panel);
    list();
    badges();
    const place = opener ? opener.getBoundingClientRect() : {bottom: 8, left: innerWidth};
    panel.style.top = Math.max(8, Math.min(place.bottom + 8, innerHeight - panel.offsetHeight - 8)) + 'px';
    panel.style.left = Math.max(8, Math.min(place.left, innerWidth - panel.offsetWidth - 8)) + 'px';
    panel.querySelector('h2').focus();
  };

  const update = () => { badges(); list(); popUp(); };
  const take = (state) => {
    every = state.poll;
    failures = asked = 0;
    if (!state.stream) streamAfter = Infinity;
    const read = new Set((messages || []).filter((m) => m.opened).map((m) => m.id));
    messages = state.messages.filter((m) => !gone.has(m.id));
    messages.forEach((m) => { m.opened = m.opened || read.has(m.id); });
    sheet.replaceSync(CSS + ':host{' + Object.entries(state.theme).map(([name, value]) => `--hw-${name}:${value}`).join(';') + '}');
    emit('messages', messages);
    update();
    tell();
  };

  const again = (seconds) => { clearTimeout(timer); timer = setTimeout(run, seconds * 1000); };
  const poll = async () => { take(await (await call('/messages')).json()); again(every); };
  const listen = async () => {
    const mine = control;
    let watch, text = '';
    const alive = () => { clearTimeout(watch); watch = setTimeout(() => mine.abort(), 45000); };
    try {
      alive();
      const reader = (await call('/stream')).body.getReader(), decoder = new TextDecoder();
      for (;;) {
        const {value, done} = await reader.read();
        if (done) break;
        alive();
        text += decoder.decode(value, {stream: true});
        const parts = text.split('\n\n');
        text = parts.pop();
        parts.forEach((part) => { const data = /^data: (.*)$/m.exec(part); if (data && options) take(JSON.parse(data[1])); });
      }
      again(1 + Math.random());
    } finally { clearTimeout(watch); }
  };
  const run = async () => {
    clearTimeout(timer);
    if (!options || doc.hidden) return;
    const mine = options;
    control = new AbortController();
    try {
      await (Date.now() < streamAfter ? poll() : listen());
    } catch (error) {
      if (mine !== options || doc.hidden) return;
      if (error.status === 401) {
        if (typeof mine.token !== 'function' || asked++) { stop(); return emit('expired'); }
        token = await mine.token();
        return again(0);
      }
      // What streams don't get through may still be asked for.
      const after = error.headers && error.headers.get('Retry-After');
      if (Date.now() >= streamAfter) { streamAfter = Date.now() + 1000 * (after || 120); again(0); }
      else again(after || Math.min(every * 2 ** failures++, 900) * (0.75 + Math.random() / 2));
    }
  };
  const pause = () => { clearTimeout(timer); if (control) control.abort(); };
  const seen = () => { pause(); if (!doc.hidden) run(); };

  const look = () => {
    const {analytics} = window;
    if (!hooked && analytics && analytics.on) {
      hooked = true;
      analytics.on('page', (_category, _name, properties) => { page = properties && properties.path; at = location.href; if (messages) popUp(); });
      analytics.on('reset', stop);
    }
    if (at !== location.href) { at = location.href; page = 0; }
    if (messages) { badges(); popUp(); }
  };
  const press = (event) => {
    const element = event.target.closest('[data-headwater-inbox]');
    if (event.key) { if (element && !native(element) && /^( |Enter)$/.test(event.key)) element.click(); }
    else if (element) { event.preventDefault(); open(element); }
    else if (panel && event.target !== host) { opener = 0; shut(); }
  };

  const stop = () => {
    if (!options) return;
    pause();
    clearInterval(ticking);
    ['click', 'keydown'].forEach((name) => doc.removeEventListener(name, press));
    doc.removeEventListener('visibilitychange', seen);
    if (current) remove();
    panel = messages = options = 0;
    badges();
    host.remove();
  };
  const start = async (given) => {
    stop();
    options = given;
    base = (given.url || script && script.src.replace(/\/client\.js.*$/, '')).replace(/\/$/, '');
    token = typeof given.token === 'function' ? await given.token() : given.token;
    if (options !== given) return;
    gone.clear();
    page = 0;
    streamAfter = failures = asked = 0;
    host = el('headwater-in-app');
    root = host.attachShadow({mode: 'open'});
    sheet = new CSSStyleSheet();
    root.adoptedStyleSheets = [sheet];
    if (!badge) {
      badge = new CSSStyleSheet();
      badge.replaceSync(BADGE);
      doc.adoptedStyleSheets = [...doc.adoptedStyleSheets, badge];
    }
    root.append(live = el('div', {role: 'status'}));
    (doc.body || doc.documentElement).append(host);
    ['click', 'keydown'].forEach((name) => doc.addEventListener(name, press));
    doc.addEventListener('visibilitychange', seen);
    look();
    ticking = setInterval(look, 500);
    run();
  };
  window.headwaterInApp = {start, stop, open: () => open(0), messages: () => (messages || []).slice()};
  if (script && script.dataset.token) start({token: script.dataset.token});
})();
