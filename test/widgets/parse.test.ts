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

const SECRET = '0'.repeat(64)

const found = (...widgets: unknown[]) =>
  parseFound(JSON.stringify({ doc: 'abc', secret: SECRET, origin: 'https://staging.example.com', omitted: 0, widgets }))

const only = (widget: object) => found({ ...raw, ...widget })?.widgets[0]

describe('reads what a page reports of its widgets:', () => {
  test('as a challenge', () => {
    expect(found(raw)).toEqual({
      doc: 'abc',
      secret: SECRET,
      origin: 'https://staging.example.com',
      loading: false,
      signs: [],
      roots: 0,
      omitted: 0,
      malformed: 0,
      problems: [],
      widgets: [
        {
          id: 'abc-0',
          family: 'recaptcha',
          challenge: { variant: 'v2-checkbox', sitekey: '6Lc-key' },
          visible: true,
          answered: false,
          executed: false,
          due: true,
          dueUnseen: false,
          expired: false,
          blocked: false,
          copy: false,
          hinted: false,
          details: { challenged: false, hasField: false, hasChallengeFrame: false, inViewport: false },
        },
      ],
    })
  })

  test('drops what is only shown of a reCAPTCHA, where it is invalid, and keeps the widget', () => {
    const shown = { widgetId: '100000', callback: 'onSolved', size: 'compact', frameName: 'a-1', hasField: true }
    expect(only({ ...raw, ...shown })?.details).toMatchObject({ ...shown, widgetId: 100_000 })
    const invalid = { widgetId: '-1', callback: 'x'.repeat(300), size: 'a\nb', frameName: 7, hasField: 'yes' }
    const { sitekey, details } = { ...only({ ...raw, ...invalid })?.challenge, ...only({ ...raw, ...invalid }) }
    expect(sitekey).toBe('6Lc-key')
    expect(details).toEqual({ challenged: false, hasField: false, hasChallengeFrame: false, inViewport: false })
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
    ['an invisible widget that was executed', { kind: 'invisible', executed: true }, true],
    ['an answered invisible widget', { kind: 'invisible', executed: true, answered: true }, false],
    ['a score widget whose execute waits', { kind: 'score', executed: true }, true],
    ['a score widget', { kind: 'score' }, false],
  ])('reCAPTCHA, %s: with its due state', (_, state, due) => {
    expect(only(state)?.due).toBe(due)
  })

  test.each(['www.recaptcha.net', 'recaptcha.net'])('sends the script’s host %s to the solver', (host) => {
    expect(only({ host })?.challenge.apiHost).toBe(host)
  })

  test('does not send any other host of the script to the solver', () => {
    expect(only({ host: 'evil.example' })?.challenge.apiHost).toBeUndefined()
    expect(only({ host: 'www.google.com' })?.challenge.apiHost).toBeUndefined()
  })

  test.each([
    ['an invalid action', { action: 'a\nb' }],
    ['an action that is too long', { action: 'x'.repeat(101) }],
    ['an invalid data-s', { dataS: '\u0000' }],
  ])('leaves out %s, and keeps the widget', (_, extra) => {
    expect(only(extra)?.challenge).toMatchObject({ sitekey: '6Lc-key' })
    expect(only(extra)?.challenge.action).toBeUndefined()
    expect(only(extra)?.challenge.dataS).toBeUndefined()
  })

  test.each([
    ['an empty sitekey', { sitekey: '' }],
    ['a sitekey with other characters', { sitekey: 'a"b' }],
    ['a sitekey that is too long', { sitekey: 'x'.repeat(257) }],
    ['an unknown family', { family: 'toString' }],
    ['an unknown kind', { kind: 'constructor' }],
    ['an invalid state', { visible: 'yes' }],
    ['an invalid id', { id: '../x' }],
  ])('drops and counts a widget with %s', (_, wrong) => {
    expect(found({ ...raw, ...wrong }, { ...raw, id: 'abc-1' })).toMatchObject({
      widgets: [{ id: 'abc-1' }],
      malformed: 1,
    })
  })

  test('Turnstile, as a challenge', () => {
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
        dueUnseen: false,
        expired: false,
        blocked: false,
        copy: false,
        hinted: false,
      },
    ])
  })

  test.each([
    ['that is hidden', { visible: false }, false],
    ['that is answered', { answered: true }, false],
    ['that waits for execute', { waits: true }, false],
    ['that the page has executed', { waits: true, executed: true }, true],
    ['that the page has executed while it is hidden', { waits: true, executed: true, visible: false }, true],
  ])('Turnstile, %s: with its due state', (_, state, due) => {
    expect(found({ ...rawTurnstile, ...state })?.widgets[0]?.due).toBe(due)
  })

  test.each([
    ['action', 'x'.repeat(33)],
    ['action', 'a\nb'],
    ['cData', 'x'.repeat(256)],
    ['cData', 7],
    ['pageData', 'x'.repeat(4_097)],
    ['pageData', '\u0000'],
  ])('Turnstile: leaves out an invalid %s, and keeps the widget', (name, value) => {
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
    ['an invisible widget that was executed', { kind: 'invisible', executed: true }, 'invisible', true],
    [
      'an invisible widget that was executed and answered',
      { kind: 'invisible', executed: true, answered: true },
      'invisible',
      false,
    ],
  ])('hCaptcha, %s: with its due state', (_, state, variant, due) => {
    expect(found({ ...rawHcaptcha, ...state })?.widgets).toMatchObject([
      { family: 'hcaptcha', challenge: { variant, rqdata: 'one-time' }, due },
    ])
  })

  test.each(['x'.repeat(4_097), 'a b', '\u0000', '', 7])('hCaptcha: leaves out invalid rqdata', (rqdata) => {
    const challenge = found({ ...rawHcaptcha, rqdata })?.widgets[0]?.challenge
    expect(challenge).toMatchObject({ sitekey: rawHcaptcha.sitekey, rqdata: undefined })
  })

  test.each([
    ['one that is seen', {}, 'v2', true],
    ['one that is hidden', { visible: false }, 'v2', false],
    ['a hidden one that is at work', { visible: false, working: true }, 'v2', true],
    ['an answered one', { answered: true, version: 'v1' }, 'v1', false],
  ])('Friendly Captcha, %s: with its due state', (_, state, variant, due) => {
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
  ])('Friendly Captcha: sends hosts of the vendor other than the default: %s', (endpoint, apiHost) => {
    expect(found({ ...rawFriendly, endpoint })?.widgets[0]?.challenge.apiHost).toBe(apiHost)
  })

  test.each([
    'javascript:alert(1)',
    'https://user:secret@cdn.example/a.js',
    `https://cdn.example/${'x'.repeat(2_048)}`,
    'https://',
    'data:text/javascript,1',
    7,
  ])('leaves out an invalid address of a script: %s', (script) => {
    expect(found({ ...rawFriendly, script })?.widgets[0]?.challenge).toMatchObject({
      sitekey: rawFriendly.sitekey,
      scriptUrl: undefined,
    })
  })

  test('GeeTest v3, as a challenge', () => {
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

  test('GeeTest v4, without a challenge and a server', () => {
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
  ])('GeeTest, %s: with its due state', (_, state, due) => {
    expect(found({ ...rawGeetest, ...state })?.widgets[0]?.due).toBe(due)
  })

  test.each([
    ['challenge', 'a b'],
    ['challenge', 'x'.repeat(257)],
    ['challenge', 7],
    ['host', 'https://evil.example/'],
    ['host', 'EVIL'],
    ['host', 'x'.repeat(254)],
  ])('GeeTest: leaves out an invalid %s, and keeps the widget', (name, value) => {
    const challenge = found({ ...rawGeetest, [name]: value })?.widgets[0]?.challenge
    expect(challenge).toMatchObject({ sitekey: rawGeetest.sitekey })
    expect(challenge).toHaveProperty(name === 'host' ? 'apiHost' : name, undefined)
  })

  test('GeeTest: leaves out the default server', () => {
    expect(found({ ...rawGeetest, host: 'api.geetest.com' })?.widgets[0]?.challenge.apiHost).toBeUndefined()
  })

  test.each([
    ['one that is seen', {}, true],
    ['one that is verified invisibly', { visible: false }, false],
    ['an answered one', { answered: true }, false],
  ])('MTCaptcha, %s: with its due state', (_, state, due) => {
    expect(found({ ...rawMtcaptcha, ...state })?.widgets).toMatchObject([
      { family: 'mtcaptcha', challenge: { variant: 'mtcaptcha', action: 'login' }, executed: false, due },
    ])
  })

  test.each([
    ['one that is seen', {}, true],
    ['one that is hidden', { visible: false }, false],
    ['an answered one', { answered: true }, false],
  ])('Amazon WAF, %s: with its due state', (_, state, due) => {
    const { sitekey, script: scriptUrl } = rawAwsWaf
    expect(found({ ...rawAwsWaf, ...state })?.widgets).toMatchObject([
      { family: 'aws-waf', challenge: { variant: 'widget', sitekey, scriptUrl }, executed: false, due },
    ])
  })

  test.each(['x'.repeat(2_049), '', 'a b', '"', 'a:b', 7])(
    'Amazon WAF: drops a widget with an invalid key: %s',
    (sitekey) => {
      expect(found({ ...rawAwsWaf, sitekey })).toMatchObject({ widgets: [], malformed: 1 })
    },
  )

  test.each([
    ['that is seen', {}, true],
    ['that is executed', { visible: false, executed: true }, true],
    ['that is neither', { visible: false }, false],
    ['that is answered', { answered: true, executed: true }, false],
  ])('Arkose, %s: with its due state, its data and its host', (_, state, due) => {
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
  ])('Arkose: leaves out an invalid %s (%s)', (name, _, value) => {
    const challenge = found({ ...rawArkose, [name]: value })?.widgets[0]?.challenge
    expect(challenge).toMatchObject({ sitekey: rawArkose.sitekey })
    expect(challenge).toHaveProperty(name === 'host' ? 'apiHost' : name, undefined)
  })

  test('keeps the first of two widgets with the same id, and counts the other as malformed', () => {
    expect(found(raw, raw)).toMatchObject({
      widgets: [{}],
      malformed: 1,
      problems: [{ family: 'recaptcha', problem: expect.stringContaining('one id') }],
    })
  })

  test.each([
    [{ ...raw, sitekey: '{{ sitekey }}' }, 'Its sitekey has a character that none has: U+007B, number 1 of 13.'],
    [{ ...raw, sitekey: '6Lc\u{1F600}key' }, 'Its sitekey has a character that none has: U+1F600, number 4 of 8.'],
    [{ ...raw, sitekey: 'x'.repeat(4_200) }, 'Its sitekey has 4200 characters: too many.'],
    [{ ...rawAwsWaf, sitekey: 'a b' }, 'Its sitekey has a character that none has: U+0020, number 2 of 3.'],
    [{ ...raw, sitekey: '' }, 'Its sitekey is empty.'],
    [{ ...raw, sitekey: undefined }, 'It has no sitekey.'],
    [{ ...raw, sitekey: 'undefined' }, 'Its sitekey is a placeholder: the page lacks that setting.'],
    [{ ...raw, sitekey: 'YOUR_SITE_KEY' }, 'Its sitekey is a placeholder: the page lacks that setting.'],
    [{ ...raw, kind: 'constructor' }, 'Its kind is none that the page script reports: the page has changed the reply.'],
    [{ ...raw, visible: 7 }, 'Its visible is none that the page script reports: the page has changed the reply.'],
    [{ ...raw, id: '<b>' }, 'The entry has no valid id: the page has changed it.'],
    [{ family: 'geetest', failed: true }, 'The page makes the search for such widgets throw an error.'],
    [{ family: '<script>' }, 'The entry names no known family: the page has changed it.'],
    [null, 'The entry names no known family: the page has changed it.'],
  ])('says what is wrong with a malformed widget: %j', (entry, problem) => {
    expect(found(entry)).toMatchObject({ widgets: [], malformed: 1, problems: [{ problem }] })
  })

  test('lists the first 20 malformed widgets, and counts all', () => {
    const many = Array.from({ length: 30 }, (_, n) => ({ ...raw, id: `abc-${n}`, sitekey: '<b>' }))
    const read = found(...many)
    expect(read?.malformed).toBe(30)
    expect(read?.problems).toHaveLength(20)
  })

  test('counts the widgets beyond the bound of a frame', () => {
    const many = Array.from({ length: MAX_WIDGETS_PER_FRAME + 7 }, (_, n) => ({ ...raw, id: `abc-${n}` }))
    expect(found(...many)?.widgets).toHaveLength(MAX_WIDGETS_PER_FRAME)
    expect(found(...many)?.omitted).toBe(7)
  })

  test('does not read a reply beyond the bound', () => {
    expect(
      parseFound(
        JSON.stringify({ doc: 'a', secret: SECRET, origin: '', widgets: [], more: 'x'.repeat(MAX_REPLY_LENGTH) }),
      ),
    ).toBeUndefined()
  })
})

describe('reads any reply of a page:', () => {
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
      .record({ doc: fc.string(), origin: fc.string(), omitted: fc.anything(), widgets: fc.array(entry) })
      .map((said) => text({ ...said, doc: 'abc', secret: SECRET })),
  )

  function text(value: unknown): string {
    try {
      return JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? `${part}` : part)) ?? ''
    } catch {
      return ''
    }
  }

  test('throws nothing, and returns only values within their bounds', () => {
    fc.assert(
      fc.property(reply, (said) => {
        const read = parseFound(said)
        if (!read) return
        expect(read.widgets.length).toBeLessThanOrEqual(MAX_WIDGETS_PER_FRAME)
        expect(Number.isSafeInteger(read.omitted + read.malformed)).toBe(true)
        expect(read.problems).toHaveLength(Math.min(read.malformed, 20))
        // In our own words: of the page's there are only a code point and a count.
        for (const { problem } of read.problems) {
          expect(problem).toMatch(/^(?:The|Two|Its|It) [\w' :+,.]{1,120}\.$/)
        }
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

  test('returns a known result or undefined', () => {
    fc.assert(
      fc.property(reply, (said) => {
        expect([undefined, 'ok', 'answered', 'refused', 'page-gone', 'widget-gone']).toContain(parseResult(said))
      }),
    )
    expect(parseResult('{"result":"ok"}')).toBe('ok')
  })
})
