import { faultTests } from './campaign.js'

faultTests(
  ['alerts', 'elasticsearch', 'copy', 'vault', 'redis'],
  {
    errors: { sample: 1, usual: 16 },
    kills: { sample: 0, usual: 8 },
    bytes: { sample: 1, usual: 16 },
  },
  { elasticsearch: ['elasticsearch:up:7531 cut always'] },
)
