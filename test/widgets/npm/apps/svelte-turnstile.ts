import { mount } from 'svelte'
import { root } from './site.js'
import Form from './svelte-turnstile.svelte'

mount(Form, { target: root() })
