import { expect, test, vi } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import { Secret, type SecretProvider, secretFor } from '../../src/secrets/index.js'
import { KEY } from './contract.js'

const provider = (place: string): SecretProvider => ({
  kind: 'test',
  place,
  fetch: () => ({ current: { value: new Secret(KEY), version: '1' } }),
})
const place = (template: string, application?: string) =>
  secretFor({ environment: 'staging', application }, template, provider).place

test('a template is filled in with what the secret is for', () => {
  expect(place('captcha/{environment}/{application}', 'checkout')).toBe('captcha/staging/checkout')
  expect(place('CAPTCHA_KEY_{environment}')).toBe('CAPTCHA_KEY_staging')
  expect(place('{environment}-{environment}')).toBe('staging-staging')
  expect(place('SOLVEGUARD_KEY')).toBe('SOLVEGUARD_KEY')
})

test('the provider is what was made, and says whose key it gives', async () => {
  const stop = vi.fn()
  const start = vi.fn(() => stop)
  const made = { ...provider('x'), start }
  const named = secretFor({ environment: 'ci', sharedWith: ['staging'] }, '{environment}', () => made)
  expect(named).toMatchObject({ kind: 'test', environment: 'ci', sharedWith: ['staging'] })
  expect((await named.fetch()).current.value.reveal()).toBe(KEY)
  const use = { clock: systemClock, changed() {} }
  named.start?.(use)()
  expect(start).toHaveBeenCalledWith(use)
  expect(stop).toHaveBeenCalled()
  expect(secretFor({ environment: 'ci' }, 'x', provider).start).toBeUndefined()
})

test.each<[string, object, string]>([
  ['an environment that climbs', { environment: '../production' }, 'a/{environment}'],
  ['an empty environment', { environment: '' }, 'a'],
  ['an application with a slash', { environment: 'ci', application: 'a/b' }, 'a/{application}'],
  ['a template that asks for an application that is not given', { environment: 'ci' }, 'a/{application}'],
  ['a template that asks for something else', { environment: 'ci' }, 'a/{region}'],
  ['a wrong name to share with', { environment: 'ci', sharedWith: ['a b'] }, 'a'],
])('%s is refused', (_, names, template) => {
  const made = () => secretFor(names as { environment: string }, template, provider)
  expect(made).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
})
