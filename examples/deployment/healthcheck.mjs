// Whether the broker in this container takes tasks: exit code 0 or 1. `HEALTHCHECK` of the Dockerfile runs it.
import { readFileSync } from 'node:fs'
import { get } from 'node:https'

const { BROKER_CA_FILE = '/run/solveguard/broker-ca.pem', BROKER_PORT = '8443' } = process.env

get(
  {
    host: '127.0.0.1',
    port: BROKER_PORT,
    path: '/readyz',
    // The certificate is for the services' names.
    servername: '2captcha.com',
    ca: readFileSync(BROKER_CA_FILE),
    rejectUnauthorized: true,
    timeout: 2_000,
  },
  (reply) => process.exit(reply.statusCode === 200 ? 0 : 1),
)
  .on('timeout', () => process.exit(1))
  .on('error', () => process.exit(1))
