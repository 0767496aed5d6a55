import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MAX_REPLY_LENGTH } from '../../src/widgets/bounds.js'
import { MAX_WIDGETS_PER_FRAME, parseFound, parseResult } from '../../src/widgets/parse.js'

const raw = {
  id: 'abc-0',
  family: 'recaptcha',
  kind: 'checkbox',
  enterprise: false,
  sitekey: '6Lc-key',
  visible: true,
  answered: false,
  executed: false,
  challenged: false,
}

const rawTurnstile = {
  id: 'abc-1',
  family: 'turnstile',
  sitekey: '0x4AAAAAAA-key',
  action: 'login',
  cData: 'order-17',
  pageData: 'page',
  waits: false,
  visible: true,
  answered: false,
  executed: false,
}

const rawHcaptcha = {
  id: 'abc-2',
  family: 'hcaptcha',
  kind: 'checkbox',
  sitekey: '5a1c0000-0000-4000-8000-00000000cafe',
  rqdata: 'one-time',
  visible: true,
  answered: false,
  executed: false,
  challenged: false,
}

const rawFriendly = {
  id: 'abc-3',
  family: 'friendly',
  version: 'v2',
  sitekey: 'FCMSTANDIN000001',
  endpoint: 'https://eu.frcapi.com/api/v2/captcha/widget?sitekey=FCMSTANDIN000001',
  script: 'https://cdn.example/sdk/site.min.js',
  visible: true,
  answered: false,
  working: false,
}

const rawGeetest = {
  id: 'abc-4',
  family: 'geetest',
  v4: false,
  sitekey: '5a1c0000000040008000000000c0ffee',
  challenge: '0123456789abcdef0123456789abcdef',
  host: 'api-na.geetest.com',
  bound: false,
  visible: true,
  answered: false,
  executed: false,
}

const rawMtcaptcha = {
  id: 'abc-4',
  family: 'mtcaptcha',
  sitekey: 'MTPublic-standin01',
  action: 'login',
  visible: true,
  answered: false,
}

const rawAwsWaf = {
  id: 'abc-5',
  family: 'aws-waf',
  sitekey: `${'An+API/key='.repeat(80)}_0_1`,
  script: 'https://f4df.us-east-1.captcha-sdk.awswaf.com/f4df/jsapi.js',
  visible: true,
  answered: false,
}

const rawArkose = {
  id: 'abc-6',
  family: 'arkose',
  sitekey: '5A1C0000-0000-4000-8000-0000000000A1',
  host: 'company-api.arkoselabs.com',
  blob: 'one-time',
  visible: true,
  answered: false,
  executed: false,
}

const found = (...widgets: unknown[]) =>
  parseFound(JSON.stringify({ doc: 'abc', origin: 'https://staging.example.com', leftOut: 0, widgets }))

const only = (widget: object) => found({ ...raw, ...widget })?.widgets[0]

describe('what a page says of its widgets', () => {
  test('becomes a challenge', () => {
    expect(found(raw)).toEqual({
      doc: 'abc',
      origin: 'https://staging.example.com',
      loading: false,
      signs: [],
      roots: 0,
      leftOut: 0,
      malformed: 0,
      widgets: [
        {
          id: 'abc-0',
          family: 'recaptcha',
          challenge: { variant: 'v2-checkbox', sitekey: '6Lc-key' },
          visible: true,
          answered: false,
          executed: false,
          due: true,
          expired: false,
          hinted: false,
        },
      ],
    })
  })

  test.each([
    ['checkbox', false, 'v2-checkbox'],
    ['invisible', false, 'v2-invisible'],
    ['score', false, 'v3'],
    ['checkbox', true, 'enterprise-checkbox'],
    ['invisible', true, 'enterprise-invisible'],
    ['score', true, 'enterprise-score'],
  ])('%s, enterprise %s, is %s', (kind, enterprise, variant) => {
    expect(only({ kind, enterprise })?.challenge.variant).toBe(variant)
  })

  test.each([
    ['a visible checkbox', { visible: true }, true],
    ['a hidden checkbox', { visible: false }, false],
    ['a checkbox whose challenge is open', { visible: false, challenged: true }, true],
    ['an answered checkbox', { answered: true }, false],
    ['an invisible widget', { kind: 'invisible', visible: false }, false],
    ['an invisible widget that was set off', { kind: 'invisible', executed: true }, true],
    ['an answered invisible widget', { kind: 'invisible', executed: true, answered: true }, false],
    ['a score widget whose execute waits', { kind: 'score', executed: true }, true],
    ['a score widget', { kind: 'score' }, false],
  ])('%s: due is told', (_, state, due) => {
    expect(only(state)?.due).toBe(due)
  })

  test.each(['www.recaptcha.net', 'recaptcha.net'])('a script from %s is told to the solver', (host) => {
    expect(only({ host })?.challenge.apiHost).toBe(host)
  })

  test('a script from anywhere else is not told to the solver', () => {
    expect(only({ host: 'evil.example' })?.challenge.apiHost).toBeUndefined()
    expect(only({ host: 'www.google.com' })?.challenge.apiHost).toBeUndefined()
  })

  test.each([
    ['an odd action', { action: 'a\nb' }],
    ['an overlong action', { action: 'x'.repeat(101) }],
    ['an odd data-s', { dataS: '\u0000' }],
  ])('%s is left out, the widget is kept', (_, extra) => {
    expect(only(extra)?.challenge).toMatchObject({ sitekey: '6Lc-key' })
    expect(only(extra)?.challenge.action).toBeUndefined()
    expect(only(extra)?.challenge.dataS).toBeUndefined()
  })

  test.each([
    ['an empty sitekey', { sitekey: '' }],
    ['a sitekey with other characters', { sitekey: 'a"b' }],
    ['an overlong sitekey', { sitekey: 'x'.repeat(257) }],
    ['a family that we do not know', { family: 'toString' }],
    ['a kind that we do not know', { kind: 'constructor' }],
    ['a state that is none', { visible: 'yes' }],
    ['an id that is none', { id: '../x' }],
  ])('%s: the widget is dropped and counted', (_, wrong) => {
    expect(found({ ...raw, ...wrong }, { ...raw, id: 'abc-1' })).toMatchObject({
      widgets: [{ id: 'abc-1' }],
      malformed: 1,
    })
  })

  test('of a Turnstile too', () => {
    expect(found(rawTurnstile)?.widgets).toEqual([
      {
        id: 'abc-1',
        family: 'turnstile',
        challenge: {
          variant: 'turnstile',
          sitekey: '0x4AAAAAAA-key',
          action: 'login',
          cData: 'order-17',
          pageData: 'page',
        },
        visible: true,
        answered: false,
        executed: true,
        due: true,
        expired: false,
        hinted: false,
      },
    ])
  })

  test.each([
    ['that is hidden', { visible: false }, false],
    ['that is answered', { answered: true }, false],
    ['that waits for the page', { waits: true }, false],
    ['that the page has set off', { waits: true, executed: true }, true],
    ['that the page has set off where nobody sees it', { waits: true, executed: true, visible: false }, true],
  ])('of a Turnstile %s: due is told', (_, state, due) => {
    expect(found({ ...rawTurnstile, ...state })?.widgets[0]?.due).toBe(due)
  })

  test.each([
    ['action', 'x'.repeat(33)],
    ['action', 'a\nb'],
    ['cData', 'x'.repeat(256)],
    ['cData', 7],
    ['pageData', 'x'.repeat(4_097)],
    ['pageData', '\u0000'],
  ])('of a Turnstile an odd %s is left out, the widget is kept', (name, value) => {
    const challenge = found({ ...rawTurnstile, [name]: value })?.widgets[0]?.challenge
    expect(challenge).toMatchObject({ sitekey: '0x4AAAAAAA-key' })
    expect(challenge).toHaveProperty(name, undefined)
  })

  test.each([
    ['a visible checkbox', {}, 'checkbox', true],
    ['a hidden checkbox', { visible: false }, 'checkbox', false],
    ['a hidden checkbox whose challenge is open', { visible: false, challenged: true }, 'checkbox', true],
    ['an answered checkbox', { answered: true }, 'checkbox', false],
    ['an invisible one', { kind: 'invisible', visible: false }, 'invisible', false],
    ['an invisible one that was set off', { kind: 'invisible', executed: true }, 'invisible', true],
    [
      'an invisible one that was set off and answered',
      { kind: 'invisible', executed: true, answered: true },
      'invisible',
      false,
    ],
  ])('of an hCaptcha, %s: due is told', (_, state, variant, due) => {
    expect(found({ ...rawHcaptcha, ...state })?.widgets).toMatchObject([
      { family: 'hcaptcha', challenge: { variant, rqdata: 'one-time' }, due },
    ])
  })

  test.each(['x'.repeat(4_097), 'a b', '\u0000', '', 7])('of an hCaptcha odd rqdata is left out', (rqdata) => {
    const challenge = found({ ...rawHcaptcha, rqdata })?.widgets[0]?.challenge
    expect(challenge).toMatchObject({ sitekey: rawHcaptcha.sitekey, rqdata: undefined })
  })

  test.each([
    ['one that is seen', {}, 'v2', true],
    ['one that is hidden', { visible: false }, 'v2', false],
    ['a hidden one that is at work', { visible: false, working: true }, 'v2', true],
    ['an answered one', { answered: true, version: 'v1' }, 'v1', false],
  ])('of a Friendly Captcha, %s: due is told', (_, state, variant, due) => {
    expect(found({ ...rawFriendly, ...state })?.widgets).toMatchObject([
      { family: 'friendly', challenge: { variant, scriptUrl: rawFriendly.script }, due },
    ])
  })

  test.each([
    ['https://api.friendlycaptcha.com/api/v1/puzzle', undefined],
    [
      'https://eu-api.friendlycaptcha.eu/api/v1/puzzle,https://api.friendlycaptcha.com/api/v1/puzzle',
      'eu-api.friendlycaptcha.eu',
    ],
    ['https://global.frcapi.com/api/v2/captcha/widget', undefined],
    ['https://eu0.frcapi.com/api/v2/captcha/widget?sitekey=a', 'eu0.frcapi.com'],
    ['eu', 'eu.frcapi.com'],
    ['https://frcapi.com.evil.example/', undefined],
    ['javascript:alert(1)', undefined],
    [undefined, undefined],
  ])('of a Friendly Captcha the vendor’s other hosts are told: %s', (endpoint, apiHost) => {
    expect(found({ ...rawFriendly, endpoint })?.widgets[0]?.challenge.apiHost).toBe(apiHost)
  })

  test.each([
    'javascript:alert(1)',
    'https://user:secret@cdn.example/a.js',
    `https://cdn.example/${'x'.repeat(2_048)}`,
    'https://',
    'data:text/javascript,1',
    7,
  ])('an odd address of a script is left out: %s', (script) => {
    expect(found({ ...rawFriendly, script })?.widgets[0]?.challenge).toMatchObject({
      sitekey: rawFriendly.sitekey,
      scriptUrl: undefined,
    })
  })

  test('of a GeeTest v3 too', () => {
    expect(found(rawGeetest)?.widgets).toMatchObject([
      {
        id: 'abc-4',
        challenge: {
          variant: 'v3',
          sitekey: rawGeetest.sitekey,
          challenge: rawGeetest.challenge,
          apiHost: 'api-na.geetest.com',
        },
        due: true,
      },
    ])
  })

  test('of a GeeTest v4 there is neither a challenge nor a server', () => {
    expect(found({ ...rawGeetest, v4: true })?.widgets[0]?.challenge).toEqual({
      variant: 'v4',
      sitekey: rawGeetest.sitekey,
    })
  })

  test.each([
    ['that is seen', {}, true],
    ['that is hidden', { visible: false }, false],
    ['that is answered', { answered: true, executed: true }, false],
    ['that is bound to a button', { bound: true, visible: false }, false],
    ['that claims to be seen, but is bound to a button', { bound: true }, false],
    ['that is bound to a button, and open', { bound: true, visible: false, executed: true }, true],
  ])('of a GeeTest %s: due is told', (_, state, due) => {
    expect(found({ ...rawGeetest, ...state })?.widgets[0]?.due).toBe(due)
  })

  test.each([
    ['challenge', 'a b'],
    ['challenge', 'x'.repeat(257)],
    ['challenge', 7],
    ['host', 'https://evil.example/'],
    ['host', 'EVIL'],
    ['host', 'x'.repeat(254)],
  ])('of a GeeTest an odd %s is left out, the widget is kept', (name, value) => {
    const challenge = found({ ...rawGeetest, [name]: value })?.widgets[0]?.challenge
    expect(challenge).toMatchObject({ sitekey: rawGeetest.sitekey })
    expect(challenge).toHaveProperty(name === 'host' ? 'apiHost' : name, undefined)
  })

  test('of a GeeTest the usual server is not worth telling', () => {
    expect(found({ ...rawGeetest, host: 'api.geetest.com' })?.widgets[0]?.challenge.apiHost).toBeUndefined()
  })

  test.each([
    ['one that is seen', {}, true],
    ['one that is verified unseen', { visible: false }, false],
    ['an answered one', { answered: true }, false],
  ])('of an MTCaptcha, %s: due is told', (_, state, due) => {
    expect(found({ ...rawMtcaptcha, ...state })?.widgets).toMatchObject([
      { family: 'mtcaptcha', challenge: { variant: 'mtcaptcha', action: 'login' }, executed: false, due },
    ])
  })

  test.each([
    ['one that is seen', {}, true],
    ['one that is hidden', { visible: false }, false],
    ['an answered one', { answered: true }, false],
  ])('of Amazon WAF’s CAPTCHA, %s: due is told', (_, state, due) => {
    const { sitekey, script: scriptUrl } = rawAwsWaf
    expect(found({ ...rawAwsWaf, ...state })?.widgets).toMatchObject([
      { family: 'aws-waf', challenge: { variant: 'widget', sitekey, scriptUrl }, executed: false, due },
    ])
  })

  test.each(['x'.repeat(2_049), '', 'a b', '"', 'a:b', 7])(
    'of Amazon WAF an odd key makes it nonsense: %s',
    (sitekey) => {
      expect(found({ ...rawAwsWaf, sitekey })).toMatchObject({ widgets: [], malformed: 1 })
    },
  )

  test.each([
    ['that is seen', {}, true],
    ['that is set off', { visible: false, executed: true }, true],
    ['that is neither', { visible: false }, false],
    ['that is answered', { answered: true, executed: true }, false],
  ])('of an Arkose %s: due is told, with its data and its host', (_, state, due) => {
    expect(found({ ...rawArkose, ...state })?.widgets).toMatchObject([
      { challenge: { variant: 'arkose', blob: 'one-time', apiHost: 'company-api.arkoselabs.com' }, due },
    ])
  })

  test.each([
    ['blob', 'apiless', 'x'.repeat(4_097)],
    ['blob', 'blank', 'a b'],
    ['blob', 'number', 7],
    ['host', 'usual', 'client-api.arkoselabs.com'],
    ['host', 'odd', 'https://evil.example'],
  ])('of an Arkose a %s that is of no use is left out (%s)', (name, _, value) => {
    const challenge = found({ ...rawArkose, [name]: value })?.widgets[0]?.challenge
    expect(challenge).toMatchObject({ sitekey: rawArkose.sitekey })
    expect(challenge).toHaveProperty(name === 'host' ? 'apiHost' : name, undefined)
  })

  test('two widgets of one name are one, and one that is counted as nonsense', () => {
    expect(found(raw, raw)).toMatchObject({ widgets: [{}], malformed: 1 })
  })

  test('more than may come from one frame are counted', () => {
    const many = Array.from({ length: MAX_WIDGETS_PER_FRAME + 7 }, (_, n) => ({ ...raw, id: `abc-${n}` }))
    expect(found(...many)?.widgets).toHaveLength(MAX_WIDGETS_PER_FRAME)
    expect(found(...many)?.leftOut).toBe(7)
  })

  test('an overlong reply is not read', () => {
    expect(
      parseFound(JSON.stringify({ doc: 'a', origin: '', widgets: [], more: 'x'.repeat(MAX_REPLY_LENGTH) })),
    ).toBeUndefined()
  })
})

describe('whatever a page says', () => {
  const like = (widget: object) =>
    fc.record(
      Object.fromEntries(
        Object.entries(widget).map(([name, value]) => [
          name,
          fc.oneof(
            { weight: 5, arbitrary: fc.constant(value) },
            fc.anything(),
            fc.string({ unit: 'binary', maxLength: 300 }),
          ),
        ]),
      ),
      { requiredKeys: [] },
    )
  const entry = fc.oneof(
    fc.anything(),
    like(raw),
    like(rawTurnstile),
    like(rawHcaptcha),
    like(rawFriendly),
    like(rawGeetest),
    like(rawArkose),
    like(rawMtcaptcha),
    like(rawAwsWaf),
  )
  const reply = fc.oneof(
    fc.anything(),
    fc.string(),
    fc.json(),
    fc
      .record({ doc: fc.string(), origin: fc.string(), leftOut: fc.anything(), widgets: fc.array(entry) })
      .map((said) => text({ ...said, doc: 'abc' })),
  )

  function text(value: unknown): string {
    try {
      return JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? `${part}` : part)) ?? ''
    } catch {
      return ''
    }
  }

  test('nothing is thrown, and what comes through is within its bounds', () => {
    fc.assert(
      fc.property(reply, (said) => {
        const read = parseFound(said)
        if (!read) return
        expect(read.widgets.length).toBeLessThanOrEqual(MAX_WIDGETS_PER_FRAME)
        expect(Number.isSafeInteger(read.leftOut + read.malformed)).toBe(true)
        for (const { family, challenge, id, due } of read.widgets) {
          expect(challenge.sitekey).toMatch(family === 'aws-waf' ? /^[\w+/=-]{1,2048}$/ : /^[\w.:-]{1,256}$/)
          expect(challenge.action ?? 'a').toMatch(/^[\x20-\x7e]{1,100}$/)
          expect(challenge.cData ?? 'a').toMatch(/^[\x20-\x7e]{1,255}$/)
          expect(challenge.rqdata ?? 'a').toMatch(/^[\x21-\x7e]{1,4096}$/)
          expect(challenge.pageData ?? 'a').toMatch(/^[\x20-\x7e]{1,4096}$/)
          expect(challenge.blob ?? 'a').toMatch(/^[\x21-\x7e]{1,4096}$/)
          expect(challenge.challenge ?? 'a').toMatch(/^[\w-]{1,256}$/)
          expect(challenge.scriptUrl ?? 'https://a').toMatch(/^https?:\/\/[\x21-\x7e]{1,2048}$/)
          expect(challenge.apiHost ?? 'a').toMatch(/^[a-z0-9.-]{1,253}(:\d{1,5})?$/)
          expect(id).toMatch(/^[a-z0-9]+-\d+$/)
          expect(typeof due).toBe('boolean')
        }
      }),
      { numRuns: 2_000 },
    )
  })

  test('a result is one of ours or none', () => {
    fc.assert(
      fc.property(reply, (said) => {
        expect([undefined, 'ok', 'answered', 'refused', 'page-gone', 'widget-gone']).toContain(parseResult(said))
      }),
    )
    expect(parseResult('{"result":"ok"}')).toBe('ok')
  })
})
