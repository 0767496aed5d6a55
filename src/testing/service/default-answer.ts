import { randomBytes } from 'node:crypto'
import { readDigits } from '../shared/picture.js'
import type { ServiceAnswer, ServiceTask } from './task-store.js'

/** The answer if no option gives one: what the pictures of the stand-in site show; for all else random values. */
export function defaultAnswer({ family, pictures = [], instruction, sitekey, fields }: ServiceTask): ServiceAnswer {
  if (family === 'geetest') return geetestAnswer(sitekey, fields.challenge)
  const read = pictures.map((base64) => readDigits(Buffer.from(base64, 'base64')))
  if (family === 'image') return read[0] ?? randomBytes(3).toString('hex')
  if (family === 'bls') {
    const selected = read.flatMap((digits, at) => (digits === instruction ? [at + 1] : []))
    return JSON.stringify(selected.length > 0 ? selected : [1])
  }
  return randomToken()
}

function geetestAnswer(sitekey: string, challenge: string | undefined): ServiceAnswer {
  const hex = (bytes: number) => randomBytes(bytes).toString('hex')
  if (challenge === undefined) {
    const times = { lot_number: hex(16), gen_time: String(Math.floor(Date.now() / 1000)) }
    return { captcha_id: sitekey, ...times, pass_token: hex(32), captcha_output: randomBytes(90).toString('base64') }
  }
  const validate = hex(16)
  return {
    geetest_challenge: challenge + hex(1),
    geetest_validate: validate,
    geetest_seccode: `${validate}|jordan`,
  }
}

/** As long as reCAPTCHA's, and with the same prefix. */
function randomToken(): string {
  return `03AF${randomBytes(360).toString('base64url')}`
}
